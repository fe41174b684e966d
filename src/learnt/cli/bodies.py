"""`learnt bodies`: pretrained bodies, and making them ready."""

import typer

from learnt.cli.output import say_json

app = typer.Typer(help="Known pretrained bodies.", no_args_is_help=True, rich_markup_mode=None)
NAME = typer.Argument(help="A name from: learnt bodies list.")
AS_JSON = typer.Option(False, "--json", help="Print one JSON object, and nothing else.")


@app.command("list")
def list_(as_json: bool = AS_JSON) -> None:
    """List the pretrained bodies that learnt knows.

    Example: learnt bodies list
    """
    from learnt.models.bodies import BODIES

    if as_json:
        return say_json(
            {
                b.name: {
                    "about": b.about,
                    "licence": b.licence,
                    "features": b.features,
                    "size": b.size,
                    "ready": b.cached().exists(),
                }
                for b in BODIES.values()
            }
        )
    for body in BODIES.values():
        ready = "ready" if body.cached().exists() else "made ready when first used"
        print(f"{body.name:<20} {body.about}\n{'':<20} {body.licence}; {ready}")
    return None


@app.command("get")
def get(name: str = NAME, as_json: bool = AS_JSON) -> None:
    """Verify a body's weights and make it ready, as ONNX in the cache.

    Example: learnt bodies get efficientnet-lite0
    """
    from learnt.models.bodies import body

    wanted = body(name)
    wanted.onnx()
    if as_json:
        return say_json({"name": name, "file": str(wanted.cached())})
    print(wanted.cached())
    return None
