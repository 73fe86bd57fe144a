"""Errors of the stack, each with one sentence for a person: the command prints it and ends."""

ALTERNATIVES = "Alternatives: `docker compose up`, or your own Kafka and MongoDB by SAMRAAD_KAFKA and SAMRAAD_MONGO."


class StackProblem(Exception):
    """A requirement of the stack is missing; the message is one sentence for a person."""

    exit_code = 1


class WrongUse(StackProblem):
    """The arguments are wrong, such as a port that is not a number."""

    exit_code = 2


class NotRunning(StackProblem):
    """The stack, or the wanted part of it, does not run."""

    exit_code = 3
