// Placeholder.swift: keeps the target until its tests stand.
