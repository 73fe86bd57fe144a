"""`python -m services.notify`."""

from services.notify.app import make_app
from services.notify.settings import NotifySettings
from shared.runtime.process import run
from shared.runtime.settings import from_environment

if __name__ == "__main__":
    settings = from_environment(NotifySettings)
    run(make_app(settings), settings)
