package app

func writePlot(path, name string, points []point) error { return nil }
