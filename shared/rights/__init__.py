"""What a service knows of staff: the projection of notify's directory, and how current it is.

`notify` owns the directory. Every other service keeps a projection of it in its own store, fed by the
engine, and asks it at each reading and inside the transaction of each act. So a right that is taken
away is gone everywhere as soon as its fact arrives, and nothing depends on notify being up
(docs/decisions/0021).
"""
