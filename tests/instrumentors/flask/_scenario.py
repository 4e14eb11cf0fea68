"""What a scenario of the lane is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{TRACE_ID}-b7ad6b7169203331-00"


@dataclass
class Scenario:
    """One thing that an application does.

    Args:
        play: Does it.
        options: Of the instrumentor.
        environment: Variables that are set meanwhile.
        providers: Of the providers.
        level: Of privacy.
        lane: Whether the lane serves it, rather than passing all to contrib.
        enters: Whether requests come in by the patched function.
    """

    play: object
    options: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)
    providers: dict = field(default_factory=dict)
    level: str = "open"
    enters: bool = True


SCENARIOS: dict[str, Scenario] = {}


def scenario(function=None, /, **settings):
    """Register a scenario."""

    def register(play):
        SCENARIOS[play.__name__] = Scenario(play, **settings)
        return play

    return register(function) if function is not None else register


def hello(run, **options):
    """Return an application with a few routes."""
    app = run.app(**options)
    app.add_url_rule("/", view_func=lambda: "hello", endpoint="root")
    app.add_url_rule("/users/<int:number>", view_func=lambda number: f"{number}", endpoint="user")
    return app


def failing(run, error=KeyError, text="oops"):
    app = run.app()

    @app.get("/")
    def view():
        raise error(text)

    return app
