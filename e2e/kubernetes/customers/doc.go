// Command customers is the customers of a real trading day, as a pod beside the
// platform: they come in through its Services whatever happens to the pods behind
// them, and in the end they judge what was made of their orders.
//
// # Guarantee
//
// A request is repeated until it is answered, for as long as the patience lasts;
// what was not answered by then is counted as failed. Every answer is entered into
// a history, and the verdict holds logs, databases and the gateway's ledger against
// it.
//
// # Control
//
// A test steers it over HTTP: GET /readyz once the goods are in stock, POST
// /phases/{name} begins a phase with figures of its own, GET /phases tells the
// figures of all, POST /leave lets the customers finish and the judge begin, GET
// /verdict answers 202 until there is one.
//
// # What it does not do
//
// It is no replay of `murmur replay`: the day begins anew when it is over, under new
// ids, and cancellations of the files are left out.
package main
