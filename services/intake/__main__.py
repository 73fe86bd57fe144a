"""Run the service: `python -m services.intake`."""

from services.intake.app import make_app
from services.intake.settings import Settings
from shared.runtime.process import run
from shared.runtime.settings import from_environment

if __name__ == "__main__":
    settings = from_environment(Settings)
    run(make_app(settings), settings)
