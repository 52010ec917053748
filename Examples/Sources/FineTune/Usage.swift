/// What is printed when there are too few arguments.
struct Usage: Error, CustomStringConvertible {
  var description: String { "usage: FineTune WEIGHTS PHOTOGRAPHS" }
}
