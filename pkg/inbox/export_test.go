package inbox

import "time"

// Hasten makes membership changes fast enough for tests.
func (in *Inbox) Hasten() {
	in.group.HeartbeatInterval = 50 * time.Millisecond
	in.group.SessionTimeout = time.Second
	in.group.RebalanceTimeout = 3 * time.Second
	in.group.JoinBackoff = 20 * time.Millisecond
	in.group.WatchInterval = 50 * time.Millisecond
}
