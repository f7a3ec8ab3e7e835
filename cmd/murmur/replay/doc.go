// Package replay sends real invoices to a running platform, through its public
// APIs only, and accounts for every line of them.
//
// The files are those of the UCI data set "Online Retail" (Chen, 2015): one line
// per invoice line, cancellations under numbers that begin with C. They have no
// stock levels and no payments, so a replay assumes some (see [Assumptions]) and
// says so.
//
// # Guarantee
//
//   - A file whose shape is wrong is refused as a whole, with line numbers,
//     before anything is sent ([FormatError]). A line that is well formed and
//     cannot become part of an order is accounted for, with the reason.
//   - The fates of the lines add up to the lines of the files, and those of the
//     invoices to the invoices: [Run] checks it and fails otherwise.
//   - Running it again changes nothing, after a kill at any moment as well: order
//     ids are invoice numbers, stock movements are named after the file's digest
//     and returns after their cancellation.
//
// # What it does not do
//
// Invoices are sent side by side, so which of several orders runs short of a SKU
// depends on timing: only totals can be predicted. It keeps no state of its own;
// the services remember. They remember a stock movement by its id for a day, and
// beyond that among the latest 64 of a SKU.
package replay
