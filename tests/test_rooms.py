"""The shape of the code: who may import whom, and how long things may be.

A module imports only from rooms above its own, and nothing imports torch.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import learnt

ROOT = Path(learnt.__file__).parent
REPOSITORY = ROOT.parent.parent
ROOMS = [  # from the top: each may import from those before it, and from itself
    "errors", "version", "runner", "storage", "engine", "data", "models", "program", "training",
    "cli",
]  # fmt: skip
ENGINE = [
    "op", "missing", "memory", "threads", "device", "random", "autograd", "ops", "linalg", "base",
    "tensor", "creation", "nn", "serial", "optim", "utils", "follow", "onnx", "gradcheck",
]  # fmt: skip
RUNNER_MAY_IMPORT = {
    "numpy", "onnxruntime", "PIL", "polars", "soundfile", "tokenizers", "uvicorn", "httptools",
    *sys.stdlib_module_names,
}  # fmt: skip
MODULES = sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The full names of all that a file imports, also within functions."""
    found = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):  # what only a type checker imports is no import
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(name: str, depth: int) -> str:
    parts = name.split(".")
    return parts[depth] if len(parts) > depth else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_rooms_above_it(path):
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if own == "__init__":
        return  # the public names
    for name in imports(path):
        if room(name, 0) == "learnt":
            other = room(name, 1)
            assert ROOMS.index(other) <= ROOMS.index(own), f"{own} imports {name}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "engine").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_a_part_of_the_engine_imports_only_from_parts_above_it(path):
    own = path.relative_to(ROOT / "engine").parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for name in imports(path):
        part = room(name, 2)
        if name.startswith("learnt.engine.") and part in ENGINE:
            assert ENGINE.index(part) <= ENGINE.index(own), f"{own} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_imports_torch(path):
    assert not {n for n in imports(path) if n.split(".")[0] in ("torch", "torchvision")}


def test_the_runner_imports_only_what_a_program_may_need():
    for path in [*sorted((ROOT / "runner").glob("*.py")), ROOT / "errors.py"]:
        for name in imports(path):
            inside = name.startswith(("learnt.runner", "learnt.errors"))
            assert inside or room(name, 0) in RUNNER_MAY_IMPORT, f"{path.name} imports {name}"


def test_there_is_no_cycle_of_imports():
    graph: dict[str, set[str]] = {}
    names = {".".join(p.relative_to(ROOT.parent).with_suffix("").parts) for p in MODULES}
    for path in MODULES:
        own = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        if own == "learnt.__init__":
            continue
        top = ast.parse(path.read_text()).body
        wanted = set()
        for node in top:
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                wanted |= {str(node.module)} | {f"{node.module}.{a.name}" for a in node.names}
        graph[own] = (wanted & names) - {own}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join([*path, name])
        if name not in done:
            for other in sorted(graph.get(name, ())):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_has_at_most_400_lines_and_a_function_40_and_a_docstring_where_public(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a file opens with its one job"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) and node.body[1:] else node.body[0]
            assert node.end_lineno - first.lineno < 40, node.name
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_importing_learnt_brings_no_heavy_library():
    heavy = ("numpy", "onnx", "onnxruntime", "PIL", "rich", "typer", "torch")
    code = f"import learnt, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_these():
    assert sorted(learnt.__all__) == [
        "Corpus", "Images", "Learner", "LearntError", "Masks", "Program", "Ratings", "Result",
        "Series", "Sounds", "Table", "Texts", "__version__", "engine", "get_data", "load",
    ]  # fmt: skip
    for name in learnt.__all__:
        assert getattr(learnt, name) is not None


def test_an_unknown_public_name_is_an_error_that_lists_the_known_ones():
    with pytest.raises(AttributeError, match="it has Corpus, Images"):
        _ = learnt.Imagse


def test_the_tree_in_the_readme_is_what_is_on_the_disk():
    readme = (REPOSITORY / "README.md").read_text()
    block = readme.split("```text\nsrc/learnt/\n")[1].split("```")[0]
    listed: set[str] = set()
    folder: list[str] = []
    for line in block.splitlines():
        name = line.split("  ")[-1] if not line.strip() else line.strip().split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        if not name:
            continue
        folder = folder[: depth - 1]
        listed.add("/".join([*folder, name.rstrip("/")]))
        if name.endswith("/"):
            folder.append(name.rstrip("/"))
    files = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*")
        if (path.suffix == ".py" or path.is_dir()) and "__pycache__" not in path.parts
    }
    hidden = {name for name in files if name.endswith("__init__.py") and name != "__init__.py"}
    assert listed == files - hidden


def lines_of_code(paths: list[Path]) -> int:
    """Lines that are neither blank, nor a comment, nor part of a docstring."""
    count = 0
    for path in paths:
        text = path.read_text()
        said: set[int] = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                first = node.body[0] if node.body else None
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    said |= set(range(first.lineno, first.end_lineno + 1))
        for number, line in enumerate(text.splitlines(), 1):
            count += number not in said and bool(line.strip()) and not line.strip().startswith("#")
    return count


def test_the_engine_can_be_read_in_an_evening():
    engine = ROOT / "engine"
    parts = [p for room in ("ops", "nn", "optim") for p in (engine / room).rglob("*.py")]
    assert lines_of_code([*parts, engine / "tensor.py"]) < 5_900
    tree = ast.parse((engine / "autograd" / "backward.py").read_text())
    (chain_rule,) = [n for n in tree.body if getattr(n, "name", "") == "propagate"]
    assert chain_rule.end_lineno - chain_rule.body[1].lineno + 1 < 15
