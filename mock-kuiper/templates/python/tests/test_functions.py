import unittest

from functions import CToF, Mean


class FunctionsTest(unittest.TestCase):
    def test_c_to_f_converts_celsius_to_fahrenheit(self):
        self.assertEqual(CToF().exec([100], None), 212)

    def test_a_call_without_an_argument_is_refused(self):
        self.assertEqual(CToF().validate(None), "c_to_f takes one argument")
        self.assertEqual(Mean().validate([{"Value": 1}]), "")

    def test_mean_is_computed_over_the_numbers_of_a_window(self):
        self.assertEqual(Mean().exec([[1, 2, None, 6]], None), 3)

    def test_the_mean_of_an_empty_window_is_none(self):
        self.assertIsNone(Mean().exec([None], None))
