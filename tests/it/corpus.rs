//! The properties, on the bytes in `fuzz/corpus` that the fuzz targets have found.

use crate::proof;
use std::{fs, path::Path};

#[test]
fn every_property_holds_for_its_corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    if !root.parent().is_some_and(Path::exists) {
        // The published package has no fuzz targets.
        return;
    }
    for property in proof::ALL {
        let folder = root.join(property.name);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut count = 0;
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            let data = fs::read(&path).expect("the file can be read");
            println!("{}", path.display());
            (property.check)(&data);
            count += 1;
        }
        assert!(count > 0, "{} is empty", folder.display());
    }
}
