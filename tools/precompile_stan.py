"""Precompile the headers of Stan's programs: ``python tools/precompile_stan.py .cache/stan/model_header.hpp``.

Every program that Stan compiles begins with the same headers, half of its compiler's work. GCC reads them ready-made
where a ``.gch`` stands beside the file named with ``-include`` in ``CXXFLAGS`` (the Makefile sets it for the tests). It
takes a minute and 0.8 GB: worth it for the course's many programs, not for a reader's one. The flags are those
that httpstan itself would compile with, since GCC passes over a header that other flags made.
"""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import httpstan.build_ext
import httpstan.models
import setuptools
from setuptools._distutils.ccompiler import new_compiler
from setuptools._distutils.sysconfig import customize_compiler, get_python_inc

PROGRAM = "parameters { real x; } model { x ~ std_normal(); }"
HEADER = "#include <stan/model/model_header.hpp>\n"


def stan_extension() -> setuptools.Extension:
    """Return what httpstan would hand to the compiler for a program, without compiling it."""
    with patch.object(httpstan.build_ext, "run_build_ext", return_value="") as build:
        asyncio.run(httpstan.models.build_services_extension_module(PROGRAM))
    [extension], _ = build.call_args.args
    return extension


def stan_compiler() -> Callable[..., Path]:
    """Return a function that compiles a file as httpstan compiles its programs; the object lies beside it."""
    extension, compiler = stan_extension(), new_compiler()
    customize_compiler(compiler)
    folders = [*extension.include_dirs, get_python_inc()]

    def compile_file(source: Path, *options: str) -> Path:
        macros, after = extension.define_macros, extension.extra_compile_args
        [made] = compiler.compile([str(source)], "/", macros, folders, False, list(options), after)
        return Path(made)

    return compile_file


def is_gcc() -> bool:
    """Return whether ``c++`` is GCC; other compilers have headers of other kinds."""
    said = subprocess.run(["c++", "--version"], capture_output=True, text=True, check=True).stdout
    return "Free Software Foundation" in said


def main(header: Path) -> None:
    """Write the header and, with GCC, what it compiles to."""
    header.parent.mkdir(parents=True, exist_ok=True)
    if is_gcc():
        compile_file = stan_compiler()
        trial, source = header.with_name("trial.hpp"), header.with_name("trial.cpp")
        source.write_text(HEADER)
        compile_file(source, "-w", "-x", "c++-header").rename(f"{trial}.gch")
        # GCC reads the header itself only where it passes over the precompiled one
        trial.write_text("#error GCC does not use the precompiled header\n")
        source.write_text("")
        compile_file(source, "-w", "-fsyntax-only", "-include", str(trial))
        Path(f"{trial}.gch").rename(f"{header}.gch")
        trial.unlink()
        source.unlink()
    header.write_text(HEADER)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
