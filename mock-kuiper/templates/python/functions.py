"""The function `c_to_f` and the aggregate `mean`."""

from ekuiper import Context, Function


class CToF(Function):
    """Converts degrees Celsius to degrees Fahrenheit."""

    def validate(self, args):
        return "" if len(args or []) == 1 else "c_to_f takes one argument"

    def exec(self, args, ctx: Context):
        return args[0] * 1.8 + 32

    def is_aggregate(self):
        return False


class Mean(Function):
    """Computes the mean of a column in a window. The mean of no numbers is None."""

    def validate(self, args):
        return "" if len(args or []) == 1 else "mean takes one argument"

    def exec(self, args, ctx: Context):
        # An empty window is None, and so is the value of a row without the column.
        numbers = [value for value in args[0] or [] if value is not None]
        return sum(numbers) / len(numbers) if numbers else None

    def is_aggregate(self):
        return True
