//! Where definitions come from on a disk: a pack, a package as `.tgz` or folder, a single resource file.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::definitions::{Definitions, Package, pack};
use crate::error::{Error, Result};

/// R4 core and our own definitions, with everything that these paths hold, and what of it could not be used.
pub(crate) fn definitions(paths: &[PathBuf]) -> Result<(Definitions, Vec<crate::fhir::Issue>)> {
    let mut definitions = Definitions::shipped()?;
    let mut issues = Vec::new();
    for path in paths {
        if path.is_file() && is_pack(path)? {
            definitions = definitions.with_pack(bytes(path)?)?;
        } else {
            let mut package = package(path)?;
            issues.append(&mut package.issues);
            definitions = definitions.with(package);
        }
    }
    Ok((definitions, issues))
}

/// The package at this path: a `.tgz`, a folder (with or without `package/` in it), or one resource file.
pub(super) fn package(path: &Path) -> Result<Package> {
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
    let is = |extension: &str| path.extension().is_some_and(|it| it.eq_ignore_ascii_case(extension));
    if path.is_dir() {
        let inner = path.join("package");
        let folder = if inner.is_dir() { inner } else { path.to_owned() };
        let mut package = Package::named(name, "");
        for file in json_files(&folder)? {
            package.add_file(&file.to_string_lossy(), &bytes(&file)?);
        }
        Ok(package)
    } else if is("tgz") || is("gz") {
        Package::from_tgz(BufReader::new(open(path)?))
    } else {
        let mut package = Package::named(name, "");
        package.add_file(&path.to_string_lossy(), &bytes(path)?);
        Ok(package)
    }
}

/// The JSON files of a folder, in alphabetical order; hidden ones and those of subfolders are left out.
pub(super) fn json_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir().map_err(|error| unreadable(folder, &error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !is_hidden && path.is_file() && path.extension().is_some_and(|it| it.eq_ignore_ascii_case("json")) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The content of a file.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn is_pack(path: &Path) -> Result<bool> {
    let mut first = [0; 16];
    let read = std::io::Read::read(&mut open(path)?, &mut first).map_err(|error| unreadable(path, &error))?;
    Ok(pack::is_pack(&first[..read]))
}

/// A file that cannot be read is our failure, not the payload's.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::fault(format!("cannot read {}: {error}", path.display()))
}
