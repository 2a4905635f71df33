"""Where everything stands."""

from starlette.routing import BaseRoute

ROUTES: list[BaseRoute] = []
