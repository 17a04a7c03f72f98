//! Compiler messages for common mistakes.
//!
//! Each case in `compiler_messages/` is compiled, and the output must contain every line of the
//! `.stderr` file beside it. These are our own lines with their places, and the few of the
//! compiler's that name the cause where ours cannot. All other lines change between compiler
//! versions. A mistake that only the start of a program can find is a program that is run.

use std::env::current_exe;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

/// The libraries that the cases use.
const LIBRARIES: [&str; 3] = ["cloakroom", "axum", "serde"];

/// Compiles cases against the libraries of this test, which is faster than building them again.
struct Compiler {
    directory: PathBuf,
    libraries: [PathBuf; 3],
    out: PathBuf,
}

impl Compiler {
    /// Selects the builds of the libraries that compile `control`, because there may be several
    /// builds of a library, with different features.
    fn new(control: &Path, out: &str) -> Self {
        let program = current_exe().expect("the path of this test");
        let directory = program.parent().expect("the directory of this test").to_owned();
        let [ours, axum, serde] = LIBRARIES.map(|name| builds(&directory, name));
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(out);
        let all = ours.iter().flat_map(|ours| axum.iter().map(move |axum| (ours, axum)));
        let all = all.flat_map(|(ours, axum)| serde.iter().map(move |serde| [ours, axum, serde].map(Clone::clone)));
        let mut output = String::new();
        for libraries in all {
            let compiler = Self { directory: directory.clone(), libraries, out: out.clone() };
            match compiler.errors_of(control) {
                None => return compiler,
                Some(errors) => output = errors,
            }
        }
        panic!("no build of the libraries compiles the control: {output}");
    }

    /// Returns the output of the compiler if it rejects a program.
    fn errors_of(&self, program: &Path) -> Option<String> {
        // Emit code, because some errors are found only then.
        let output = self.compile(program, "obj", &self.out);
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs a program, and returns its output.
    fn run(&self, program: &Path) -> Output {
        let executable = self.out.with_extension("program");
        let compiled = self.compile(program, "link", &executable);
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        Command::new(executable).output().expect("the program runs")
    }

    fn compile(&self, program: &Path, emit: &str, out: &Path) -> Output {
        let mut compiler = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        compiler.args(["--edition=2024", "--color=never", "--emit", emit, "-o"]).arg(out);
        // As Cargo does.
        compiler.env("CARGO_CRATE_NAME", program.file_stem().unwrap_or_default());
        compiler.arg("-L").arg(&self.directory);
        for (name, file) in LIBRARIES.iter().zip(&self.libraries) {
            compiler.arg("--extern").arg(format!("{name}={}", file.display()));
        }
        compiler.arg(program).output().expect("the compiler runs")
    }
}

/// All builds of a library, the newest first.
fn builds(directory: &Path, library: &str) -> Vec<PathBuf> {
    let start = format!("lib{library}-");
    let is_build = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        name.starts_with(&start) && name.ends_with(".rlib")
    };
    let built_at =
        |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let files = fs::read_dir(directory).expect("a directory").filter_map(Result::ok);
    let mut builds: Vec<_> = files.map(|file| file.path()).filter(is_build).collect();
    builds.sort_by_key(|path| std::cmp::Reverse(built_at(path)));
    builds
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compiler_messages")
}

fn compiler(name: &str) -> Compiler {
    Compiler::new(&cases().join("sessions_as_an_argument.rs"), name)
}

#[test]
fn the_compiler_names_cause_and_remedy() {
    let compiler = compiler("messages.o");
    let expectations = fs::read_dir(cases()).expect("a directory").filter_map(Result::ok).map(|file| file.path());
    let expectations: Vec<_> = expectations.filter(|path| path.extension() == Some(OsStr::new("stderr"))).collect();
    assert_eq!(expectations.len(), 14);
    let mut missing = Vec::new();
    for expectation in expectations {
        let case = expectation.with_extension("rs");
        let output = compiler.errors_of(&case).unwrap_or_else(|| panic!("{} compiles, and should not", case.display()));
        let expected = fs::read_to_string(&expectation).expect("a file");
        let lines = expected.lines().filter(|line| !output.contains(line));
        missing.extend(lines.map(|line| format!("{}: {line}\n{output}", case.display())));
    }
    assert!(missing.is_empty(), "missing lines:\n{}", missing.join("\n"));
}

#[test]
fn a_program_with_two_types_under_one_key_does_not_start_in_debug_builds() {
    let output = compiler("start.o").run(&cases().join("two_types_under_one_key.rs"));
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if cfg!(debug_assertions) {
        assert!(!output.status.success() && printed.is_empty(), "{printed}{errors}");
        for part in [
            "`session(key)` is \"filter\" for two types",
            "`two_types_under_one_key::orders::Filter` (",
            "two_types_under_one_key.rs:6)",
            "`two_types_under_one_key::search::Filter` (",
            "two_types_under_one_key.rs:11)",
            "give one of them a key of its own with `#[session(key = \"…\")]`",
        ] {
            assert!(errors.contains(part), "{part}: {errors}");
        }
    } else {
        assert_eq!(printed, "started\n", "{errors}");
    }
}
