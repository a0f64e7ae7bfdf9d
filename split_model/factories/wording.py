"""What failed in the user's code, in one line: its own file, line and message, and what to do."""

import traceback
from pathlib import Path

from split_model.errors import FactoryError
from split_model.factories.surroundings import UsageExit

__all__ = ["failure"]

_LONGEST = 300
_NO_CUDA = ("not compiled with cuda", "nvidia driver", "no cuda gpus")


def failure(spec: str, folder: Path, error: BaseException) -> FactoryError:
    """The error for an exception that the user's code raised.

    Args:
        spec: The factory, as it was named.
        folder: The folder of the user's code.
        error: The exception, with its traceback.
    """
    folder = folder.resolve()
    if isinstance(error, UsageExit):
        what = f"it parses arguments, and gets none: {_cut(str(error))}"
    elif isinstance(error, SystemExit):
        what = f"it ends the process (exit code {error.code})"
    elif isinstance(error, SyntaxError):
        what = f"{type(error).__name__}: {error.msg}"
    else:
        what = f"{type(error).__name__}: {_cut(str(error))}".removesuffix(": ")
    return FactoryError(f"{spec} fails at {_place(folder, error)}: {what}{_advice(folder, error)}")


def _place(folder: Path, error: BaseException) -> str:
    """File and line of the last frame in the user's folder; of an installed package if there is none."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"{_shown(Path(error.filename))}:{error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    own = [frame for frame in frames if _is_own(Path(frame.filename), folder)]
    last = (own or frames)[-1]
    return f"{_shown(Path(last.filename))}:{last.lineno}"


def _is_own(file: Path, folder: Path) -> bool:
    """Whether a file is the user's: an environment may lie in the user's folder too."""
    return file.is_relative_to(folder) and not {"site-packages", "dist-packages"} & set(file.parts)


def _shown(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _advice(folder: Path, error: BaseException) -> str:
    text = str(error).lower()
    advice = {
        "parse arguments only under `if __name__ == '__main__'`": isinstance(error, SystemExit),
        "name it package.module:factory, from the folder that holds the package": "relative import" in text,
        "relative paths begin at the working directory: begin at Path(__file__).parent": _misses_relative_file(error),
        "make the model on the CPU: dads moves it to its --device": any(sign in text for sign in _NO_CUDA),
        "if you trust the file, load it with weights_only=False": "weights_only" in text,
    }
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        return f"; {_where_to_get(error.name, folder)}"
    return next((f"; {words}" for words, fits in advice.items() if fits), "")


def _misses_relative_file(error: BaseException) -> bool:
    return isinstance(error, FileNotFoundError) and not Path(str(error.filename)).is_absolute()


def _where_to_get(module: str, folder: Path) -> str:
    top = module.partition(".")[0]
    for above in folder.parents:
        if (above / top).is_dir() and above != Path(above.anchor):
            return f"{top} lies in {above}: start there, and name it package.module:factory"
    return f"install what provides {module!r} in the environment of dads"
