"""Tests of tools/zip-functions."""

import os
import stat
import tempfile
import time
import unittest
import zipfile
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

loader = SourceFileLoader("zip_functions", str(Path(__file__).parent / "zip-functions"))
zip_functions = module_from_spec(spec_from_loader("zip_functions", loader))
loader.exec_module(zip_functions)


class Zips(unittest.TestCase):
    def test_the_same_binary_makes_the_same_zip_whenever_it_was_built(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            zips = []
            for built_at in (time.time(), 1_000_000_000):
                (folder / "bootstrap").write_bytes(b"a binary")
                os.utime(folder / "bootstrap", (built_at, built_at))
                zip_functions.zip_function(folder)
                zips.append((folder / "bootstrap.zip").read_bytes())
            self.assertEqual(*zips)

    def test_without_a_binary_the_zip_of_another_one_stays(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "bootstrap.zip").write_bytes(b"a zip")
            self.assertRaises(OSError, zip_functions.zip_function, folder)
            self.assertEqual((folder / "bootstrap.zip").read_bytes(), b"a zip")

    def test_lambda_finds_an_executable_of_the_name_it_looks_for(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "bootstrap").write_bytes(b"a binary")
            zip_functions.zip_function(folder)
            with zipfile.ZipFile(folder / "bootstrap.zip") as file:
                (entry,) = file.infolist()
                self.assertEqual((entry.filename, file.read(entry)), ("bootstrap", b"a binary"))
                self.assertTrue(entry.external_attr >> 16 & stat.S_IXOTH)


if __name__ == "__main__":
    unittest.main()
