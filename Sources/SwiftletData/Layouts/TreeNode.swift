// TreeNode.swift: a folder of a data set while its layout is found.

/// A folder with what is in it.
final class TreeNode {
  let name: String
  /// The folders' names from the root on.
  let names: [String]
  private(set) var children: [TreeNode] = []
  private var positions: [[UInt8]: Int] = [:]
  /// Images that lie in the folder itself.
  private(set) var images: [Int] = []
  /// Images at any depth.
  private(set) var imageCount = 0
  /// Other files at any depth.
  private(set) var others: [Int] = []

  private init(_ names: [String]) {
    self.names = names
    name = names.last ?? ""
  }

  /// The folders of a tree.
  convenience init(_ tree: some FileTree, _ kinds: [DataFileKind]) {
    self.init([])
    for (index, file) in tree.files.enumerated() {
      add(index, file.names, isImage: kinds[index] == .image)
    }
    for names in tree.emptyFolders where !names.isEmpty { addFolder(names) }
  }

  private func child(_ name: String) -> TreeNode {
    let key = Array(name.utf8)
    if let position = positions[key] { return children[position] }
    let node = TreeNode(names + [name])
    positions[key] = children.count
    children.append(node)
    return node
  }

  private func add(_ file: Int, _ path: [String], isImage: Bool) {
    var node = self
    for name in path.dropLast() {
      node.count(file, isImage)
      node = node.child(name)
    }
    node.count(file, isImage)
    if isImage { node.images.append(file) }
  }

  private func count(_ file: Int, _ isImage: Bool) {
    if isImage { imageCount += 1 } else { others.append(file) }
  }

  private func addFolder(_ path: [String]) {
    var node = self
    for name in path { node = node.child(name) }
  }

  /// The folders that hold images, in the order of the bytes of their names.
  var filled: [TreeNode] {
    children.filter { $0.imageCount > 0 }.sorted { ClassTree.precedes($0.name, $1.name) }
  }

  /// The folders that hold none.
  var unfilled: [TreeNode] {
    children.filter { $0.imageCount == 0 }.sorted { ClassTree.precedes($0.name, $1.name) }
  }

  /// All images, in the order of the bytes of their paths.
  var allImages: [Int] { (images + children.flatMap(\.allImages)).sorted() }

  /// The path below the root.
  var path: String { names.joined(separator: "/") }
}
