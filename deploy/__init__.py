"""How the system is deployed: topics and rights declared once, and the stack on one machine."""
