// Errors+Category.swift: the categories of errors of graphs and weights.

extension GraphError: SwiftletError {
  public var category: ErrorCategory { .usage }
}

extension OperationError: SwiftletError {
  public var category: ErrorCategory { .usage }
}

extension ParametersError: SwiftletError {
  public var category: ErrorCategory { .usage }
}
