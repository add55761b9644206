"""The one error that a user's input can cause."""


class InputError(ValueError):
    """Says which file and field is wrong, what was found, what is expected and how to correct it.

    Args:
        path: the file (or config) at fault.
        field: key, column or array inside it; empty when the file as a whole is at fault.
        found: what is there.
        expected: what should be there; may be empty.
        fix: one sentence, what to do; may be empty.
    """

    def __init__(
        self, path: object, field: str = "", found: object = "", expected: object = "", fix: str = ""
    ) -> None:
        self.path, self.field, self.found, self.expected, self.fix = path, field, found, expected, fix
        subject = f"{path}: {field} is {found}" if field else f"{path}: {found}"
        if expected:
            subject += f"; expected {expected}"
        message = f"{subject.removesuffix('.')}. {fix}".rstrip()  # reasons may be whole sentences
        super().__init__(message if message.endswith((".", "?")) else f"{message}.")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.path, self.field, self.found, self.expected, self.fix)
