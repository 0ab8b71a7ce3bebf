"""Tests of what the suite does so that programs start faster."""
import os
import subprocess
import sys
import tempfile
import unittest

import main


class Starts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_pyenv_is_asked_once(self):
        shims, other = (os.path.join(self.folder, d) for d in ("shims", "other"))
        for folder, text in ((shims, "#!/bin/sh\nexec pyenv exec"), (other, "#!/bin/sh\nexec my-python")):
            os.mkdir(folder)
            with open(os.path.join(folder, "python3"), "w") as f:
                f.write(text)
        real = os.path.dirname(sys.executable)
        self.assertEqual(main.direct_python(os.pathsep.join(["/none", shims, other])),
                         os.pathsep.join(["/none", real, other]))

    def test_python_without_code_at_every_start(self):
        packages, above = (os.path.join(self.folder, d) for d in ("packages", "pythons"))
        os.mkdir(packages)
        for name, text in (("mine.py", "print('mine')"), ("late.pth", "# no code\n")):
            with open(os.path.join(packages, name), "w") as f:
                f.write(text)
        self.assertEqual(main.plain_python(above, [packages, "/none"]), "")
        with open(os.path.join(packages, "start.pth"), "w") as f:
            f.write("import sys; print('started')\n")
        programs = main.plain_python(above, [packages, "/none"])
        self.assertEqual(main.plain_python(above, [packages]), programs)
        said = subprocess.run([os.path.join(programs, "python3"), "-B", "-c", "import mine"], stdout=subprocess.PIPE,
                              text=True, check=True).stdout
        self.assertEqual((said, len(os.listdir(above))), ("mine\n", 1))

    def test_compiled_modules_are_kept_until_one_changes(self):
        with tempfile.TemporaryDirectory() as folder:
            above, modules = os.path.join(folder, "kept"), os.path.join(folder, "scripts", "cli", "node_modules")
            os.makedirs(modules)
            names = ["m%d.js" % i for i in range(30)]  # the cache is written from 20 new modules on
            program = os.path.join(modules, "all.js")
            preload = os.path.join(main.HERE, "compilecache.cjs")

            def write(name, text):
                with open(os.path.join(modules, name), "w") as f:
                    f.write(text)

            def said():
                at = main.node_cache(above, os.path.join(folder, "scripts"))
                out = subprocess.run(["node", "--require", preload, program], stdout=subprocess.PIPE, text=True,
                                     check=True, env=dict(os.environ, STELLAR_TEST_NODE_CACHE=at)).stdout
                self.assertEqual(os.listdir(above), [os.path.basename(at)])
                return out, at

            for name in names:
                write(name, "module.exports = 1;")
            write("all.js", "console.log(%s);" % " + ".join("require('./%s')" % n for n in names))
            first, at = said()
            self.assertEqual((first, len(os.listdir(at))), ("30\n", 1))
            self.assertEqual(said(), (first, at))
            write(names[0], "module.exports = 2;")  # of the same length
            os.utime(os.path.join(modules, names[0]), (1, 1))
            self.assertEqual(said()[0], "31\n")

    def test_modules_are_loaded_when_they_are_used(self):
        with tempfile.TemporaryDirectory() as folder:
            def write(text, *names):
                path = os.path.join(folder, "node_modules", *names)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as f:
                    f.write(text)
                return path

            loads = "console.log('%s is loaded'); "
            write(loads % "psl" + "exports.get = (x) => x;", "psl", "index.js")
            write(loads % "axios" + "module.exports = (x) => x;", "axios", "index.js")
            write(loads % "xml2js" + "exports.Parser = class { name() { return 'a parser'; } };", "xml2js", "index.js")
            write(loads % "jszip", "jszip", "index.js")
            program = write("""
                const { get } = require('psl'), xml = require('xml2js');
                const compiled = (m) => m && m.__esModule ? m : { default: m };
                const axios = compiled(require('axios'));
                require('jszip');
                console.log('begins');
                console.log(get('a name'));
                console.log(axios.default('an answer'));
                console.log(new xml.Parser().name());
            """, "request", "index.js")
            preload = os.path.join(main.HERE, "compilecache.cjs")
            said = subprocess.run(["node", "--require", preload, program], stdout=subprocess.PIPE, text=True,
                                  check=True, env=dict(os.environ, STELLAR_TEST_NODE_CACHE=folder)).stdout
            self.assertEqual(said.splitlines(), ["begins", "psl is loaded", "a name", "axios is loaded", "an answer",
                                                 "xml2js is loaded", "a parser"])

    def test_javac_starts_with_an_archive_of_its_classes(self):
        with tempfile.TemporaryDirectory() as folder:
            above, home = os.path.join(folder, "kept"), os.path.join(folder, "jdk")

            def write(name, text):
                path = os.path.join(home, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as f:
                    f.write(text)
                os.chmod(path, 0o755)
                return path

            javac = write("bin/javac", "#!/bin/sh\nexit 1\n")
            self.assertEqual(main.quick_javac(above, javac), "", "no JDK")
            write("release", "17")
            write("lib/modules", "")
            self.assertEqual(main.quick_javac(above, javac), "", "a JDK that makes no archive")
            self.assertEqual(os.listdir(above), [])
            write("bin/javac", """#!/bin/sh
for a; do case $a in
  -d) mkdir "$2" ;;
  -J-XX:ArchiveClassesAtExit=*) touch "${a#*=}" ;;
  -J-XX:SharedArchiveFile=*) test -f "${a#*=}" && echo "with an archive: $*" ;;
esac; shift; done
""")
            made = main.quick_javac(above, javac)
            self.assertEqual(main.quick_javac(above, javac), made)
            said = subprocess.run([os.path.join(made, "javac"), "A B.java"], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout
            self.assertTrue(said.startswith("with an archive:") and said.endswith("A B.java\n"), said)
            self.assertTrue(os.path.exists(os.path.join(made, "..", "lib", "modules")))
            write("release", "21")
            self.assertNotEqual(main.quick_javac(above, javac), made)
