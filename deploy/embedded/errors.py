"""What stops the stack, told in one sentence with a way on: the command line prints it and ends."""

ALTERNATIVES = "Alternatives: `docker compose up`, or your own Kafka and MongoDB by SAMRAAD_KAFKA and SAMRAAD_MONGO."


class StackProblem(Exception):
    """Something the stack needs is not to be had: the message is one sentence for a person."""

    exit_code = 1


class WrongUse(StackProblem):
    """The caller asked for something that makes no sense, such as a port that is no number."""

    exit_code = 2


class NotRunning(StackProblem):
    """The stack, or the part that was asked for, does not run."""

    exit_code = 3
