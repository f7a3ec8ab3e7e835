// Package choreography draws what the three services do together, from the
// functions that do it: nobody maintains the pictures.
//
// One order is explored breadth first through the real Decide, Evolve and React
// of order, payment and inventory: the latest record of each topic read at any
// moment, the gateway approving and refusing, the customer and the deadline at
// any moment, with and without stock, paid and free. A superseded record is not
// read late: that leads where reading it in time leads, since the writer's next
// step does not wait for the reader. What is seen on the way is the picture: who
// writes which states, who reacts to what with which effect. The journeys are
// scripts that the same machinery runs; they also read late and again.
//
// Guarantee: a picture is only returned when every state has a way to an end,
// every reaction waits for a state that somebody writes, and every topic has a
// reader; else the error says which has not, by the shortest way there.
//
// Not here: proof. Two orders, crashes, lost requests and restored databases are
// the business of the model checker. The translation from a state to a record
// and from a record to an observation follows the services' contracts, which
// cannot be imported.
//
//	picture, err := choreography.Draw(choreography.Real())
//	fmt.Print(picture.Text())
package choreography

//go:generate go run .. choreography --format mermaid --out ../../../docs/choreography.md
//go:generate go run .. choreography --format asyncapi --out ../../../docs/asyncapi.yaml
