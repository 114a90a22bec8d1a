use std::path::Path;

use super::*;

const REPORT: &str = "\
SF:/repository/crates/core/src/h1/cycle.rs
FN:3,new
FNDA:1,new
DA:3,1
DA:4,0
DA:6,0
DA:7,2
DA:9,0
LF:5
LH:2
end_of_record
SF:/repository/crates/core/src/h1/cycle/tests.rs
DA:1,0
end_of_record
SF:/repository/crates/client/src/lib.rs
DA:1,0
end_of_record
";

#[test]
fn the_report_is_read_for_the_sources_of_the_folder_and_not_for_their_tests() {
    let files = lcov::files(REPORT, Path::new("/repository/crates/core/src"));
    let [file] = &files[..] else { panic!("one file was due: {files:?}") };
    assert_eq!(file.path, "h1/cycle.rs");
    assert_eq!((file.lines.len(), file.run()), (5, 2));
    assert_eq!(missing(file), ": 4-6, 9");
}

#[test]
fn the_version_of_llvm_is_read_from_what_the_compiler_says() {
    assert_eq!(llvm_version("release: 1.95.0\nLLVM version: 22.1.2\n"), Some("22"));
    assert_eq!(llvm_version("release: 1.95.0\n"), None);
}
