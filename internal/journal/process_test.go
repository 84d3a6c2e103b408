package journal

const roleVariable = "PILOTLIGHT_JOURNAL_TEST_ROLE"

func runRole(role string) int { return 2 }
