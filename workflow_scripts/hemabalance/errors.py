"""The error for invalid input, with a message for the user: where, what is wrong, what to do next."""

from pathlib import Path


class InputError(Exception):
    """An input of the user cannot be used.

    ```
    try:
        table = Classifier.load("model/").predict("images/")
    except InputError as error:
        print(error.where, error.problem, error.remedy, sep="; ")
    ```

    Args:
        where: the file, archive member or config key at fault.
        problem: what is wrong with it, one clause without a full stop.
        remedy: what to do next, one sentence without a full stop.
    """

    def __init__(self, where: str | Path, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = str(where), problem, remedy
        super().__init__(f"{where}: {problem}. {remedy}.")

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.where, self.problem, self.remedy)
