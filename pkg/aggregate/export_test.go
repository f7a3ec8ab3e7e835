package aggregate

// Waiting is how many commands wait for their turn.
func (c *Commands) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}

const MaxBatch = maxBatch
