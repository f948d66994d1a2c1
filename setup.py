# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The one place that knows how the C of mod_python is compiled.

pip, configure and CI all come here. The compiler and the httpd side of the
flags come from apxs, the Python side from the interpreter that runs this
file; Python's own CFLAGS (NDEBUG, LTO, ...) stay out, they are not ours.

Environment:
  APXS           the apxs to ask (default: apxs or apxs2 on PATH, /usr/sbin)
  CC             compiler in place of the one apxs names
  CFLAGS LDFLAGS appended last
  MP_MAINTAINER  1: -Werror and assertions
  MP_SANITIZE    e.g. "address,undefined"
  MP_BUILD_BASE  directory for everything a build writes (default: build)
"""
import sys

if sys.version_info < (3, 11):
    sys.exit(f"mod_python: Python 3.11 or later is needed, {sys.executable} "
             f"is {sys.version_info[0]}.{sys.version_info[1]}")

import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import ClassVar, NoReturn

try:
    from setuptools import Command, Extension, find_packages, setup
    from setuptools.command.build_ext import build_ext
    from setuptools.command.build_py import build_py
    from setuptools.command.egg_info import egg_info
except ImportError:
    sys.exit("mod_python: setuptools is missing; install it with: "
             f"{sys.executable} -m pip install setuptools "
             "(Debian: apt-get install python3-setuptools)")

HERE = Path(__file__).resolve().parent
FACTS = "_build.py"

WARNINGS = ["-Wall", "-Wextra", "-Wstrict-prototypes",
            "-Wmissing-prototypes", "-Wshadow", "-Wvla"]

# Code of several files becomes one piece: calls from file to file are a tenth
# of what mod_python adds to a small request. And others' libraries are called
# without a jump in between.
OPTIMIZE = ["-flto=auto", "-fno-plt"]

# Flags an httpd may have been built with that are not for others.
UNWANTED = re.compile(r"-(Werror.*|std=.*|O.*|pedantic.*|ansi"
                      r"|Wdeclaration-after-statement|f?PIE)$")


def stop(message: str) -> NoReturn:
    """End the build with one line."""
    sys.exit("mod_python: " + message)


def output_of(*command: str) -> str:
    """What a command prints, '' if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def defines_of(header: Path) -> dict[str, str]:
    """The plain #define lines of a header."""
    text = header.read_text(encoding="utf-8", errors="replace")
    rows = re.findall(r"^#\s*define\s+(\w+)\s+(\S+)", text, re.MULTILINE)
    return dict(rows)


def system_library_dirs() -> set[Path]:
    """Where the loader looks without being told."""
    multiarch = sysconfig.get_config_var("MULTIARCH") or "."
    bases = [Path("/lib"), Path("/usr/lib"), Path("/lib64"),
             Path("/usr/lib64")]
    bases += [Path(base, multiarch) for base in ("/lib", "/usr/lib")]
    return {path.resolve() for path in bases}


class Httpd:
    """What apxs tells about the httpd to build for."""

    def __init__(self) -> None:
        self.apxs = self._find()
        include = self.query("includedir") or self.query("INCLUDEDIR")
        if not include:
            stop(f"{self.apxs} does not tell where the headers of httpd are; "
                 "name the apxs of your httpd in APXS")
        self.includedir = Path(include)
        if not (self.includedir / "httpd.h").is_file():
            stop(f"no httpd headers in {self.includedir}; install them "
                 "(Debian: apt-get install apache2-dev)")
        numbers = defines_of(self.includedir / "ap_release.h")
        self.version = ".".join(
            numbers.get(f"AP_SERVER_{part}_NUMBER", "0") for part
            in ("MAJORVERSION", "MINORVERSION", "PATCHLEVEL"))
        if tuple(map(int, self.version.split(".")[:2])) < (2, 4):
            stop(f"httpd 2.4 or later is needed, {self.apxs} is of "
                 f"{self.version}; install a newer httpd or name its apxs "
                 "in APXS")
        self.apr_includes = self._apr_includes()
        self.apr_version = self._apr_version()

    @staticmethod
    def _find() -> str:
        named = os.environ.get("APXS")
        if named:
            found = shutil.which(named)
            if not found:
                stop(f"APXS={named} cannot be run; name the apxs of your "
                     "httpd (Debian: apt-get install apache2-dev)")
            return found
        path = os.pathsep.join([os.environ.get("PATH", os.defpath),
                                "/usr/sbin", "/usr/local/sbin"])
        for name in ("apxs", "apxs2"):
            found = shutil.which(name, path=path)
            if found:
                return found
        stop("apxs, the build tool of httpd, was not found; install it "
             "(Debian: apt-get install apache2-dev) or name it in APXS")

    def query(self, name: str) -> str:
        return output_of(self.apxs, "-q", name)

    def words(self, name: str) -> list[str]:
        return shlex.split(self.query(name))

    def _apr_includes(self) -> list[Path]:
        """The directories of the APR and APR-util headers."""
        found = []
        for tool in ("APR_CONFIG", "APU_CONFIG"):
            where = output_of(self.query(tool) or "apr-1-config",
                              "--includedir")
            if where:
                found.append(Path(where))
        found += [Path(self.query(name)) for name
                  in ("APR_INCLUDEDIR", "APU_INCLUDEDIR")
                  if self.query(name)]
        # an httpd with APR of its own installs the headers beside httpd.h
        found.append(self.includedir)
        return list(dict.fromkeys(found))

    def _apr_version(self) -> str:
        for directory in self.apr_includes:
            header = directory / "apr_version.h"
            if header.is_file():
                numbers = defines_of(header)
                return ".".join(numbers.get(f"APR_{part}_VERSION", "0")
                                for part in ("MAJOR", "MINOR", "PATCH"))
        stop("the APR headers were not found; install them "
             "(Debian: apt-get install libapr1-dev libaprutil1-dev)")

    def preprocessor_flags(self) -> list[str]:
        """Macros httpd and APR were built with: large files, _GNU_SOURCE."""
        apr = self.query("APR_CONFIG") or "apr-1-config"
        flags = self.words("CPPFLAGS") + self.words("EXTRA_CPPFLAGS")
        flags += shlex.split(output_of(apr, "--cppflags"))
        wanted = [flag for flag in flags if not flag.startswith("-I")
                  and not UNWANTED.match(flag)]
        return list(dict.fromkeys(wanted))

    def compiler_flags(self) -> list[str]:
        flags = self.words("CFLAGS") + self.words("EXTRA_CFLAGS")
        return [flag for flag in flags if not flag.startswith("-I")
                and not UNWANTED.match(flag)]

    def binary(self) -> str:
        return str(Path(self.query("sbindir"),
                        self.query("progname") or "httpd"))


class Python:
    """The CPython to embed: the one that runs this file."""

    def __init__(self) -> None:
        self.include = self._include()
        self.library = self._library()
        self.rpath = self._rpath()

    @staticmethod
    def _include() -> Path:
        # the first is right for a moved installation, the second for
        # those that keep their headers elsewhere
        for where in (sysconfig.get_path("include"),
                      sysconfig.get_config_var("INCLUDEPY")):
            if where and (Path(where) / "Python.h").is_file():
                return Path(where)
        stop(f"the headers of {sys.executable} (Python.h) were not found; "
             "install them (Debian: apt-get install python3-dev)")

    @staticmethod
    def _library() -> Path:
        variables = sysconfig.get_config_vars()
        name = str(variables.get("LDLIBRARY") or "")
        if not variables.get("Py_ENABLE_SHARED") or ".so" not in name:
            stop(f"{sys.executable} has only a static libpython; build that "
                 "Python with --enable-shared, or use one that has a shared "
                 "one (Debian: apt-get install libpython3-dev and use "
                 "/usr/bin/python3)")
        for where in (Path(sys.base_prefix, "lib"),
                      variables.get("LIBDIR"), variables.get("LIBPL")):
            if where and Path(where, name).is_file():
                return Path(where, name)
        stop(f"{name} of {sys.executable} was not found; install it "
             "(Debian: apt-get install libpython3-dev)")

    def _rpath(self) -> list[str]:
        if self.library.parent.resolve() in system_library_dirs():
            return []
        return [f"-Wl,-rpath,{self.library.parent}"]

    def runtime_library(self) -> Path:
        """The file the loader opens, which needs no -dev package."""
        name = sysconfig.get_config_var("INSTSONAME")
        beside = self.library.with_name(name or self.library.name)
        return beside if beside.exists() else self.library


class Toolchain:
    """Compiler and complete flags."""

    def __init__(self, version: str) -> None:
        self.httpd = Httpd()
        self.python = Python()
        self.sanitize = os.environ.get("MP_SANITIZE", "")
        self.maintainer = os.environ.get("MP_MAINTAINER") == "1"
        self.version = version
        self.cc = self._compiler()
        self.optimize = self._optimize()

    def _compiler(self) -> list[str]:
        asked = [os.environ.get("CC", ""), self.httpd.query("CC"), "cc"]
        for words in filter(None, map(shlex.split, asked)):
            if shutil.which(words[0]):
                return words
        stop("no C compiler was found; install one (Debian: apt-get install "
             "gcc libc6-dev)")

    def _optimize(self) -> list[str]:
        """OPTIMIZE, if compiler and linker can do that."""
        if self.sanitize:
            return []
        with tempfile.TemporaryDirectory() as directory:
            source = Path(directory, "empty.c")
            source.write_text("int mp_empty;\n", encoding="utf-8")
            command = [*self.cc, "-Werror", *OPTIMIZE, "-fPIC", "-shared",
                       str(source), "-o", str(source.with_suffix(".so"))]
            done = subprocess.run(command, capture_output=True)
        return OPTIMIZE if done.returncode == 0 else []

    def macros(self) -> list[str]:
        texts = {
            "MP_VERSION": self.version,
            "MP_PYTHON_PREFIX": sys.prefix,
            "MP_PYTHON_BASE_PREFIX": sys.base_prefix,
            "MP_PYTHON_EXECUTABLE": sys.executable,
            "MP_LIBPYTHON": str(self.python.runtime_library()),
        }
        flags = [f'-D{name}="{text}"' for name, text in texts.items()]
        return flags + (["-DMP_MAINTAINER"] if self.maintainer else [])

    def preprocess(self) -> list[str]:
        """Macros and include paths; other people's headers are system
        headers, so our warnings stay about our code."""
        flags = self.httpd.preprocessor_flags()
        if self.sanitize:  # its checks hide what the sanitizers look for
            flags = [flag for flag in flags if "_FORTIFY_SOURCE" not in flag]
        others = [self.httpd.includedir, *self.httpd.apr_includes,
                  self.python.include]
        for directory in dict.fromkeys(others):
            flags += ["-isystem", str(directory)]
        return flags + self.macros()

    def _sanitizer(self) -> list[str]:
        if not self.sanitize:
            return []
        return [f"-fsanitize={self.sanitize}", "-fno-omit-frame-pointer"]

    def compile(self) -> list[str]:
        flags = ["-std=gnu11", *self.httpd.compiler_flags(), "-fPIC",
                 "-fvisibility=hidden", *WARNINGS]
        flags += ["-O1", "-g"] if self.sanitize else ["-O2"]
        flags += self.optimize
        flags += ["-Werror"] if self.maintainer else []
        return (flags + self._sanitizer()
                + shlex.split(os.environ.get("CFLAGS", "")))

    def link(self) -> list[str]:
        return (["-Wl,-z,relro", "-Wl,-z,now"] + self.optimize
                + (["-O2"] if self.optimize else []) + self._sanitizer()
                + shlex.split(os.environ.get("LDFLAGS", "")))

    def libraries(self) -> list[str]:
        return [str(self.python.library), *self.python.rpath]

    def facts(self) -> dict[str, str]:
        """What mod_python/version.py tells about this build."""
        return {
            "HTTPD": self.httpd.binary(),
            "HTTPD_VERSION": self.httpd.version,
            "APR_VERSION": self.httpd.apr_version,
            "LIBEXECDIR": self.httpd.query("libexecdir"),
            "SYSCONFDIR": self.httpd.query("sysconfdir"),
            "PYTHON_BIN": sys.executable,
        }


class Objects:
    """Compiles sources to object files, those that are out of date."""

    def __init__(self, tools: Toolchain, directory: Path) -> None:
        self.command = [*tools.cc, *tools.preprocess(), "-I",
                        str(HERE / "src"), *tools.compile()]
        self.directory = directory
        self._forget_if_changed()

    def _forget_if_changed(self) -> None:
        """Objects made with other flags are of no use."""
        stamp = self.directory / "command"
        text = shlex.join(self.command) + "\n"
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == text:
            return
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        stamp.write_text(text, encoding="utf-8")

    @staticmethod
    def _fresh(target: Path) -> bool:
        """Is target newer than all the compiler read to make it?"""
        notes = target.with_suffix(".d")
        if not target.is_file() or not notes.is_file():
            return False
        text = notes.read_text(encoding="utf-8").replace("\\\n", " ")
        made = target.stat().st_mtime_ns
        try:
            return all(Path(name).stat().st_mtime_ns < made
                       for name in text.partition(":")[2].split())
        except FileNotFoundError:
            return False

    def one(self, source: Path) -> Path:
        target = self.directory / source.with_suffix(".o")
        if self._fresh(target):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        run([*self.command, "-MD", "-MF", str(target.with_suffix(".d")),
             "-c", str(HERE / source), "-o", str(target)], f"cc {source}")
        return target

    def all(self, sources: list[Path]) -> list[Path]:
        jobs = os.cpu_count() or 1
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(self.one, sources))


def run(command: list[str], title: str) -> None:
    print(title, flush=True)
    if subprocess.run(command).returncode != 0:
        stop(f"failed: {title}")


class BuildModule(build_ext):
    """build_ext for a shared object that httpd loads, not Python."""

    def get_ext_filename(self, fullname: str) -> str:
        return fullname.replace(".", "/") + ".so"

    def build_extension(self, ext: Extension) -> None:
        tools = Toolchain(self.distribution.get_version())
        sources = [Path(name) for name in ext.sources]
        objects = Objects(tools, Path(self.build_temp).resolve() / "objects")
        made = objects.all(sources)
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        run([*tools.cc, "-shared", *tools.link(), "-o", str(target),
             *map(str, made), *tools.libraries()], f"link {target}")
        self._write_facts(target.with_name(FACTS), tools.facts())

    @staticmethod
    def _write_facts(path: Path, facts: dict[str, str]) -> None:
        lines = ['"""Facts of this build, written by setup.py."""']
        lines += [f"{name} = {text!r}" for name, text in facts.items()]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def get_outputs(self) -> list[str]:
        module = self.get_ext_fullpath(self.extensions[0].name)
        return [module, str(Path(module).with_name(FACTS))]


class BuildPackage(build_py):
    """build_py that leaves nothing behind of modules deleted since."""

    def run(self) -> None:
        if not self.editable_mode:
            shutil.rmtree(Path(self.build_lib, "mod_python"),
                          ignore_errors=True)
        super().run()


class ShowFlags(Command):
    """Prints CC and flags as shell assignments, for the C unit tests."""

    description = "print the compiler and its flags as shell assignments"
    user_options: ClassVar[list[tuple[str, str, str]]] = []

    def initialize_options(self) -> None:
        pass

    def finalize_options(self) -> None:
        pass

    def run(self) -> None:
        tools = Toolchain(self.distribution.get_version())
        rows = {"CC": tools.cc, "CPPFLAGS": tools.preprocess(),
                "CFLAGS": tools.compile(), "LDFLAGS": tools.link(),
                "LIBS": tools.libraries()}
        for name, words in rows.items():
            print(f"{name}={shlex.quote(shlex.join(words))}")


class EggInfo(egg_info):
    """Metadata goes to the build directory, not into the source tree."""

    def finalize_options(self) -> None:
        if self.egg_base is None:
            self.egg_base = os.environ.get("MP_BUILD_BASE", "build")
            os.makedirs(self.egg_base, exist_ok=True)
        super().finalize_options()


def command_options() -> dict[str, dict[str, str]]:
    base = os.environ.get("MP_BUILD_BASE")
    if not base:
        return {}
    return {"build": {"build_base": base},
            "bdist_wheel": {"bdist_dir": os.path.join(base, "wheel")}}


def sources() -> list[str]:
    """All C below src/, relative to this file."""
    found = (HERE / "src").rglob("*.c")
    return sorted(str(path.relative_to(HERE)) for path in found)


def version() -> str:
    """The version, from the one place where it stands."""
    text = (HERE / "mod_python" / "version.py").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    if not found:
        stop("no version in mod_python/version.py")
    return found.group(1)


os.chdir(HERE)
setup(
    version=version(),
    # here, as the way pyproject.toml says it differs between setuptools
    license="Apache-2.0",
    packages=find_packages(include=["mod_python", "mod_python.*"]),
    package_data={"": ["*.pyi", "py.typed"]},
    include_package_data=False,
    ext_modules=[Extension("mod_python.mod_python", sources())],
    cmdclass={"build_py": BuildPackage, "build_ext": BuildModule,
              "egg_info": EggInfo, "show_flags": ShowFlags},
    options=command_options(),
)
