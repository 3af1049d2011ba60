"""A notebook's own definitions as a module, so that tests and races run what the learner reads, not a copy."""

import ast
import types
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def definitions(name, also=()):
    """Runs the imports, functions and classes of a notebook, in order, and none of its other lines (importers of
    notebooks, and testbook, run whole cells, which train).

    Args:
        name: path of the notebook below `notebooks/`, such as `"01_word2vec.ipynb"`.
        also: ids of cells that are run whole (a configuration, say).

    Returns:
        A module that holds them.
    """
    module = types.ModuleType(Path(name).stem)
    for cell in nbformat.read(NOTEBOOKS / name, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        tree = ast.parse(cell.source)
        if cell.id not in also:
            kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
            tree.body = [node for node in tree.body if isinstance(node, kept)]
        # under a file's name of its own, so that a traceback names the cell
        exec(compile(tree, f"{name}, cell {cell.id}", "exec"), module.__dict__)
    return module
