// JunkNames.swift: names of files and folders that systems, archivers and tools leave behind.

/// Names that are never part of a data set.
enum JunkNames {
  private static let folders: Set<String> = [
    // Network storage.
    "@eadir", "#recycle", "@recycle", "@recently-snapshot", "#snapshot", ".@__thumb", "@tmp", "lost+found",
    "network trash folder", "temporary items",
    // macOS and its archiver.
    "__macosx", ".appledouble", ".appledb", ".appledesktop", ".spotlight-v100", ".fseventsd", ".trashes",
    ".temporaryitems", ".documentrevisions-v100",
    // Windows.
    "$recycle.bin", "recycler", "system volume information", "found.000",
    // Development.
    "__pycache__", "node_modules",
  ]
  private static let files: Set<String> = [
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "synoindex_media_info",
  ]

  /// Whether a name is one of them. All names that begin with a dot are: macOS's `._*` and `.DS_Store`, `.git`,
  /// `.ipynb_checkpoints`, `.Trash-1000`.
  static func contains(_ name: some StringProtocol) -> Bool {
    if name.hasPrefix(".") { return true }
    let lower = name.lowercased()
    return folders.contains(lower) || files.contains(lower)
  }
}
