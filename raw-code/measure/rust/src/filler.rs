//! The package's padding.

use std::fs::{self, File};
use std::io::Read;

/// Reads the padding once, so that platforms which load packages lazily have to bring all of it.
pub fn read(root: &str) -> Result<(), String> {
    let entries = fs::read_dir(root).map_err(|e| format!("reading the filler: {e}"))?;
    let mut buffer = vec![0u8; 1 << 20];
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("stellar-filler") || !name.ends_with(".bin") {
            continue;
        }
        let mut file = File::open(entry.path()).map_err(|e| format!("reading the filler {name}: {e}"))?;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) => return Err(format!("reading the filler {name}: {e}")),
            }
        }
    }
    Ok(())
}
