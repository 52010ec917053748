// FileContents.swift: what a file that is given as a data set holds, by its first bytes.

/// The kind of a data set's file.
enum FileContents {
  case zip
  case tar
  case list
  /// Neither; with the reason and the remedy where they are known.
  case other(String?)

  /// Recognizes a file.
  ///
  /// - Throws: ``FormatError`` where it cannot be read.
  init(_ path: String) throws {
    let head = try FolderTree.head(path)
    let name = path.lowercased()
    if head.starts(with: [0x50, 0x4B]) {
      self =
        [".xlsx", ".xlsm", ".ods"].contains { name.hasSuffix($0) }
        ? .other("a spreadsheet; save it as CSV") : .zip
    } else if name.hasSuffix(".zip") {
      // Also one that is damaged, or empty and begins with its end.
      self = .zip
    } else if head.starts(with: [0x1F, 0x8B]) || head.starts(with: "BZh".utf8)
      || head.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A]) || head.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
      || head.dropFirst(257).starts(with: "ustar".utf8) || name.hasSuffix(".tar")
    {
      self = .tar
    } else if head.starts(with: "Rar!".utf8) || head.starts(with: [0x37, 0x7A, 0xBC, 0xAF]) {
      self = .other("a RAR or 7z archive; unpack it and give the folder")
    } else if head.starts(with: [0xD0, 0xCF, 0x11, 0xE0]) {
      self = .other("a spreadsheet; save it as CSV")
    } else {
      self = Self.list(head, name)
    }
  }

  private static func list(_ head: [UInt8], _ name: String) -> FileContents {
    let kind = DataFileKind(head: head, byteCount: head.count, name: "list")
    let isMarked = head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF])
    // UTF-16 without a mark has a zero in each pair; a .csv file with zeros gets its own error.
    if isMarked || [".csv", ".tsv"].contains(where: { name.hasSuffix($0) }) { return .list }
    switch kind {
    case .image: return .other("an image; give its folder, or a list of images")
    case .document("text file"):
      if [".json", ".jsonl", ".yaml", ".yml", ".xml"].contains(where: { name.hasSuffix($0) }) {
        return .other("not a list of one image a line; write one as CSV: path,class")
      }
      return head.contains { [9, 32, 44, 59, 124].contains($0) } || head.contains(0x2F) ? .list : .other(nil)
    default: return ListText.isWide(head) ? .list : .other(nil)
    }
  }
}
