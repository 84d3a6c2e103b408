package predictor

import "time"

func fingerprint(Config, time.Duration) uint32 { return 0 }
