"""The options that several verbs have, in the same words: which column is what."""

import typer

PROGRAM = typer.Argument(help="A program file.")
LABEL = typer.Option(None, help="The column to be predicted.")
FILE = typer.Option(None, help="The column of files in a table.")
TEXT = typer.Option(None, help="The column of texts in a table.")
USER = typer.Option(None, help="The column of users, for ratings.")
ITEM = typer.Option(None, help="The column of items, for ratings.")
RATING = typer.Option(None, help="The column of ratings.")
AS_JSON = typer.Option(False, "--json", help="Print one JSON object, and nothing else.")
