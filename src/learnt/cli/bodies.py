"""`learnt bodies`: pretrained bodies, and making them ready."""

from typing import TYPE_CHECKING

import typer

from learnt.cli.output import say_json
from learnt.errors import UsageError

if TYPE_CHECKING:
    from learnt.models.bodies import Body
    from learnt.models.text_bodies import TextBody

app = typer.Typer(help="Known pretrained bodies.", no_args_is_help=True, rich_markup_mode=None)
NAME = typer.Argument(help="A name from: learnt bodies list.")
AS_JSON = typer.Option(False, "--json", help="Print one JSON object, and nothing else.")


@app.command("list")
def list_(as_json: bool = AS_JSON) -> None:
    """List the pretrained bodies that learnt knows.

    Example: learnt bodies list
    """
    if as_json:
        return say_json(
            {
                b.name: {
                    "about": b.about,
                    "licence": b.licence,
                    "features": b.features,
                    **b.reads,
                    "ready": b.ready(),
                }
                for b in _known().values()
            }
        )
    for body in _known().values():
        ready = "ready" if body.ready() else body.unready
        print(f"{body.name:<20} {body.about}\n{'':<20} {body.licence}; {ready}")
    return None


@app.command("get")
def get(name: str = NAME, as_json: bool = AS_JSON) -> None:
    """Bring a body, if it must be brought, verify its weights, and make it ready as ONNX.

    Example: learnt bodies get minilm
    """
    known = _known()
    if name not in known:
        raise UsageError(f"the body must be one of {', '.join(known)}; got {name!r}")
    wanted = known[name]
    wanted.get()
    if as_json:
        return say_json({"name": name, "file": str(wanted.cached())})
    print(wanted.cached())
    return None


def _known() -> "dict[str, Body | TextBody]":
    """The bodies for pictures and for texts, by name."""
    from learnt.models.bodies import BODIES
    from learnt.models.text_bodies import TEXT_BODIES

    return {**BODIES, **TEXT_BODIES}
