// TreeLayout.swift: parts and classes out of the folders of a data set.

/// The images of a tree of files, by part and class.
///
/// | folders | meaning |
/// |---|---|
/// | `cat/…`, `dog/…` | a class each, at any depth |
/// | `train/cat/…`, `val/cat/…`, `test/cat/…` | parts, in any spelling, where they share classes |
/// | `cat/train/…`, `cat/val/…`, `dog/train/…` | the same, the other way round |
/// | `cat_1.jpg`, `dog_2.jpg` | classes by the beginnings of the files' names |
///
/// Folders around all of that are passed through.
struct TreeLayout {
  /// An image and the name of its class.
  struct Item {
    let file: Int
    let name: String
  }

  private(set) var parts: [Part: [Item]] = [:]
  private(set) var notes = DatasetNotes()

  private let tree: any FileTree
  private let kinds: [DataFileKind]
  private let options: DatasetOptions
  /// Files that are not looked at again: left out with their folder.
  private var said: Set<Int> = []

  /// Finds the layout.
  ///
  /// - Throws: ``DatasetError`` where there are no images, or the folders can be understood in two ways.
  init(_ tree: some FileTree, options: DatasetOptions) throws {
    self.tree = tree
    self.options = options
    kinds = tree.kinds()
    let root = TreeNode(tree, kinds)
    guard root.imageCount > 0 else {
      if kinds.contains(where: { if case .unusable = $0 { true } else { false } }) {
        throw DatasetError.noUsableImages(path: tree.path, found: leftOut(root.others, usable: false).text)
      }
      if let empty = root.children.first { throw emptyClass(empty) }
      throw DatasetError.noImages(path: tree.path)
    }
    parts = try resolve(root)
    sayFiles()
  }

  private func path(_ node: TreeNode) -> String {
    node.names.isEmpty ? tree.path : ImageFolder.join(tree.path, node.path)
  }

  private func emptyClass(_ node: TreeNode) -> DatasetError {
    let found = leftOut(node.others, usable: false)
    return .emptyClass(path: path(node), found: found.isEmpty ? nil : found.text)
  }

  // MARK: Layout

  private mutating func resolve(_ root: TreeNode) throws -> [Part: [Item]] {
    let node = unwrapped(root)
    if options.labelsFromNames {
      let folders = node.filled
      let split = parted(folders)
      if split.count >= 2, split[.training] != nil, folders.allSatisfy({ Part(naming: $0.name) != nil }) {
        return try split.mapValues { try names($0, $0.allImages) }
      }
      return [.training: try names(node, node.allImages)]
    }
    if let parts = try splitByFolders(node) { return parts }
    if let parts = try splitInClasses(node) { return parts }
    return [.training: try classes(node, least: options.leastClasses)]
  }

  /// The folder in the folder that holds everything, down to the first with a choice.
  private mutating func unwrapped(_ root: TreeNode) -> TreeNode {
    var node = root
    while let only = node.filled.first, node.filled.count == 1, !only.filled.isEmpty,
      4 * node.images.count < only.imageCount, node.names.count < 8
    {
      sayLoose(node.images, "beside the folder '\(only.name)'")
      sayUnfilled(node)
      node = only
    }
    if !node.names.isEmpty { notes.note("the data set is in \(node.path)/") }
    return node
  }

  /// The same within a part; nothing is said.
  private func inner(_ node: TreeNode) -> TreeNode {
    var node = node
    while node.images.isEmpty, let only = node.filled.first, node.filled.count == 1, !only.filled.isEmpty {
      node = only
    }
    return node
  }

  /// The folder of each part: of several the one with the plain name.
  private func parted(_ folders: [TreeNode]) -> [Part: TreeNode] {
    var groups: [Part: [TreeNode]] = [:]
    for folder in folders {
      if let part = Part(naming: folder.name) { groups[part, default: []].append(folder) }
    }
    return groups.compactMapValues { nodes in
      nodes.count == 1 ? nodes[0] : Self.plain(nodes)
    }
  }

  private static func plain(_ nodes: [TreeNode]) -> TreeNode? {
    let plain = nodes.filter { Part.isPlain($0.name) }
    return plain.count == 1 ? plain[0] : nil
  }

  /// Folders for parts, with the classes inside.
  private mutating func splitByFolders(_ node: TreeNode) throws -> [Part: [Item]]? {
    let folders = node.filled
    let named = folders.filter { Part(naming: $0.name) != nil }
    guard !named.isEmpty, folders.count > 1 else { return nil }
    let withClasses = named.filter { !inner($0).filled.isEmpty }
    let others = folders.filter { Part(naming: $0.name) == nil }
    let sets = withClasses.map { Set(inner($0).filled.map { ClassTree.key($0.name) }) }
    let shares = zip(sets, withClasses).contains { set, folder in
      Part(naming: folder.name) == .training
        && zip(sets, withClasses).contains {
          Part(naming: $1.name) != .training && !$0.isDisjoint(with: set)
        }
    }
    if shares { return try parts(node, withClasses, leaving: folders) }
    if withClasses.isEmpty {
      // Every folder is a part, and classes are in the names.
      guard others.isEmpty else { return asClasses(named) }
      return try splitByNames(node, named)
    }
    if withClasses.count == 1, let only = withClasses.first {
      let rest = folders.filter { $0 !== only }
      let flat = rest.filter { inner($0).filled.isEmpty }
      guard flat.count == rest.count, Part(naming: only.name) == .training else {
        if Part(naming: only.name) != .training, flat.count == rest.count, others.isEmpty {
          throw DatasetError.ambiguous(
            path: path(node), reason: "only '\(only.name)' has a folder for each class; give that folder")
        }
        return asClasses(named)
      }
      // Images of no class beside them, as competitions have.
      if rest.allSatisfy({ Part(naming: $0.name) != nil || Self.isUnlabeled($0.name) }) {
        return try parts(node, [only], leaving: folders)
      }
      if rest.count == 1 {
        throw DatasetError.ambiguous(
          path: path(node),
          reason:
            "'\(only.name)' holds folders and '\(rest[0].name)' holds images: a part and something else, "
            + "or two classes? Give \(path(only)), or rename the folder")
      }
      return asClasses(named)
    }
    if others.isEmpty {
      if !named.contains(where: { Part(naming: $0.name) == .training }) {
        throw DatasetError.ambiguous(
          path: path(node),
          reason: "\(Self.list(named)) but no training part; give one of these folders")
      }
      throw DatasetError.ambiguous(
        path: path(node),
        reason:
          "\(Self.list(named)) share no class: \(Self.list(inner(withClasses[0]).filled)) in the first, "
          + "\(Self.list(inner(withClasses[1]).filled)) in the second")
    }
    return asClasses(named)
  }

  private mutating func asClasses(_ named: [TreeNode]) -> [Part: [Item]]? {
    notes.note(
      "\(Self.list(named)) \(named.count == 1 ? "is a class" : "are classes"), as the folders beside "
        + "\(named.count == 1 ? "it" : "them")")
    return nil
  }

  private static func list(_ nodes: [TreeNode]) -> String {
    nodes.prefix(4).map { "'\($0.name)'" }.joined(separator: ", ") + (nodes.count > 4 ? ", …" : "")
  }

  private static func isUnlabeled(_ name: String) -> Bool {
    let words = [
      "pred", "unlabel", "unlabeled", "unlabelled", "unsup", "extra", "submission", "query", "distractor",
    ]
    return words.contains { name.lowercased().contains($0) }
  }

  private mutating func parts(_ node: TreeNode, _ folders: [TreeNode], leaving all: [TreeNode]) throws
    -> [Part:
    [Item]]
  {
    var groups: [Part: [TreeNode]] = [:]
    for folder in folders {
      if let part = Part(naming: folder.name) { groups[part, default: []].append(folder) }
    }
    var chosen: [Part: TreeNode] = [:]
    for (part, nodes) in groups.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      guard let one = nodes.count == 1 ? nodes[0] : Self.plain(nodes) else {
        throw DatasetError.ambiguous(
          path: path(node),
          reason: "\(Self.list(nodes)) all seem to be the \(part.word) part; rename or move all but one")
      }
      chosen[part] = one
    }
    for folder in all where !chosen.values.contains(where: { $0 === folder }) {
      said.formUnion(folder.others)
      let isPart = Part(naming: folder.name) != nil
      let why =
        inner(folder).filled.isEmpty
        ? " (not in class folders)" : isPart ? " (another folder has that part's own name)" : " (not a part)"
      notes.remark(
        "left out: the folder \(folder.path)/ with \("image".counted(folder.imageCount))\(why)")
    }
    sayLoose(node.images, "beside the folders of the parts")
    sayUnfilled(node)
    notes.note(
      "parts: "
        + Part.allCases.compactMap { part in chosen[part].map { "\(part.word) in \($0.path)/" } }
        .joined(separator: ", "))
    var result: [Part: [Item]] = [:]
    for part in Part.allCases {
      // Of another part one class may be all there is; the notes say so.
      if let folder = chosen[part] {
        result[part] = try classes(inner(folder), least: part == .training ? options.leastClasses : 1)
      }
    }
    return result
  }

  private mutating func splitByNames(_ node: TreeNode, _ named: [TreeNode]) throws -> [Part: [Item]] {
    let split = parted(named)
    guard split.count == named.count, let training = split[.training] else {
      throw DatasetError.noClassFolders(path: path(node), hint: hint)
    }
    var result: [Part: [Item]] = [:]
    for part in Part.allCases {
      if let folder = split[part] { result[part] = try names(folder, folder.allImages) }
    }
    let known = Set((result[.training] ?? []).map(\.name))
    guard
      result.filter({ $0.key != .training }).values.contains(where: {
        $0.contains { known.contains($0.name) }
      })
    else { throw DatasetError.noClassFolders(path: path(training), hint: hint) }
    sayLoose(node.images, "beside the folders of the parts")
    sayUnfilled(node)
    notes.note(
      "parts: "
        + Part.allCases.compactMap { part in split[part].map { "\(part.word) in \($0.path)/" } }
        .joined(separator: ", "))
    return result
  }

  /// Folders for classes, with the parts inside.
  private mutating func splitInClasses(_ node: TreeNode) throws -> [Part: [Item]]? {
    let folders = node.filled
    func split(_ folder: TreeNode) -> [Part: TreeNode]? {
      let inside = folder.filled
      let split = parted(inside)
      return inside.count >= 2 && split.count == inside.count && split[.training] != nil ? split : nil
    }
    let splits = folders.map(split)
    let count = splits.count { $0 != nil }
    guard count > 0 else { return nil }
    // A class may have images for training only.
    let all = zip(folders, splits).allSatisfy { folder, found in
      found != nil || (folder.images.isEmpty && folder.filled.allSatisfy { Part(naming: $0.name) != nil })
    }
    guard all else {
      let (has, lacks) = (zip(folders, splits).first { $1 != nil }, zip(folders, splits).first { $1 == nil })
      throw DatasetError.ambiguous(
        path: path(node),
        reason: "'\(has?.0.name ?? "")' has folders \(Self.list(has?.0.filled ?? [])) and "
          + "'\(lacks?.0.name ?? "")' has not: parts in some classes only")
    }
    var result: [Part: [Item]] = [:]
    for folder in folders {
      for (part, inside) in parted(folder.filled) {
        result[part, default: []] += inside.allImages.map { Item(file: $0, name: folder.name) }
      }
      sayLoose(folder.images, "beside the parts of '\(folder.name)'")
    }
    sayLoose(node.images, "beside the class folders")
    try sayUnfilledClasses(node)
    notes.note("parts: folders inside each class")
    return result
  }

  /// Folders for classes.
  private mutating func classes(_ node: TreeNode, least: Int) throws -> [Item] {
    let folders = node.filled
    guard let first = folders.first else { return try names(node, node.images) }
    if folders.count == 1, first.filled.isEmpty, node.images.isEmpty, Self.isContainer(first.name),
      let items = namedItems(first.images)
    {
      sayUnfilled(node)
      notes.note("the data set is in \(first.path)/")
      return try named(items, first)
    }
    if folders.count == 1, least > 1 {
      throw DatasetError.noClassFolders(path: path(node), hint: hint, only: first.name)
    }
    sayLoose(node.images, "beside the class folders")
    try sayUnfilledClasses(node)
    if let deep = folders.first(where: { !$0.filled.isEmpty }), folders.count > 1 {
      notes.note(
        "classes are the folders in \(node.names.isEmpty ? "the data set" : node.path + "/"); "
          + "'\(deep.name)' has folders of its own, whose images are '\(deep.name)' too")
    }
    return folders.flatMap { folder in folder.allImages.map { Item(file: $0, name: folder.name) } }
  }

  static func isContainer(_ name: String) -> Bool {
    Part(naming: name) != nil
      || [
        "image", "images", "img", "imgs", "jpg", "jpgs", "jpegs", "jpegimages", "png", "photo", "photos",
        "picture",
        "pictures", "pics", "data", "dataset", "all", "files", "raw",
      ].contains(name.lowercased())
  }

  // MARK: Names of files

  private func namedItems(_ images: [Int]) -> [Item]? {
    var items: [Item] = []
    for image in images {
      guard let name = ClassTree.NameRule.name(of: tree.files[image].name) else { return nil }
      items.append(Item(file: image, name: name))
    }
    let classes = Set(items.map(\.name))
    return ClassTree.NameRule.isPlausible(classes, files: items.count) ? items : nil
  }

  private mutating func names(_ node: TreeNode, _ images: [Int]) throws -> [Item] {
    guard let items = namedItems(images) else {
      throw DatasetError.noClassFolders(path: path(node), hint: hint)
    }
    return try named(items, node)
  }

  private mutating func named(_ items: [Item], _ node: TreeNode) throws -> [Item] {
    let example = items.first.map { "\(tree.files[$0.file].name) is '\($0.name)'" } ?? ""
    notes.note(
      "classes from the names of the files in \(node.names.isEmpty ? "the data set" : node.path + "/"): \(example)"
    )
    return items
  }

  /// The list beside images without class folders, where there is one.
  private var hint: String? {
    tree.files.first { file in
      file.names.count <= 2 && [".csv", ".tsv"].contains { file.name.lowercased().hasSuffix($0) }
    }.map { ImageFolder.join(tree.path, $0.path) }
  }

  // MARK: What is left out

  private mutating func sayLoose(_ images: [Int], _ place: String) {
    guard let first = images.first else { return }
    notes.remark(
      "left out: \("image".counted(images.count)) \(place) "
        + "(\(tree.files[first].path)\(images.count > 1 ? ", …" : ""))")
  }

  /// Folders without images beside folders that are no classes.
  private mutating func sayUnfilled(_ node: TreeNode) {
    for folder in node.unfilled { say(folder) }
  }

  /// Folders without images beside classes: they are classes themselves where images were meant to be in them.
  private mutating func sayUnfilledClasses(_ node: TreeNode) throws {
    for folder in node.unfilled {
      guard !folder.others.isEmpty, leftOut(folder.others, usable: false).isEmpty else {
        throw emptyClass(folder)
      }
      say(folder)
    }
  }

  private mutating func say(_ folder: TreeNode) {
    let unusable = leftOut(folder.others, usable: false)
    said.formUnion(folder.others)
    if !unusable.isEmpty {
      notes.remark("left out: the folder \(folder.path)/: \(unusable.text)")
    } else {
      let documents = leftOut(folder.others, usable: true)
      notes.note(
        "the folder \(folder.path)/ has no images (\(documents.isEmpty ? "it is empty" : documents.text))")
    }
  }

  /// Files by reason: pictures that cannot be read, or documents.
  private func leftOut(_ files: [Int], usable documents: Bool) -> LeftOutFiles {
    var result = LeftOutFiles()
    for file in files {
      switch kinds[file] {
      case .image: break
      case .unusable(let reason): if !documents { result.add(reason, tree.files[file].path) }
      case .document(let reason): if documents { result.add(reason, tree.files[file].path) }
      }
    }
    return result
  }

  private mutating func sayFiles() {
    let rest = tree.files.indices.filter { kinds[$0] != .image && !said.contains($0) }
    let unusable = leftOut(rest, usable: false)
    if !unusable.isEmpty { notes.remark("left out: \(unusable.text)") }
    let documents = leftOut(rest, usable: true)
    if !documents.isEmpty { notes.note("not images: \(documents.text)") }
    if !tree.junk.isEmpty { notes.note("ignored: \(tree.junkText)") }
  }
}
