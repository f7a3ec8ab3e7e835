package replay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

// good is a line of the data set as it stands there.
const good = "536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRead_TakesALineAsItStands(t *testing.T) {
	want := Line{
		Number: 2, Invoice: "536365", SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6,
		At: time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC), Price: 2_550_000, Customer: "17850", Country: "United Kingdom",
	}
	for name, text := range map[string]string{
		"plain":             header + good,
		"gzip":              zipped(t, header+good),
		"byte order mark":   byteOrderMark + header + good,
		"carriage returns":  strings.ReplaceAll(header+good, "\n", "\r\n"),
		"no newline at end": header + strings.TrimSuffix(good, "\n"),
		"other date":        header + strings.Replace(good, "2010-12-01 08:26:00", "12/1/2010 8:26", 1),
		"whole customer":    header + strings.Replace(good, "17850.0", "17850", 1),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Read("a.csv", strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Lines) != 1 || f.Lines[0] != want {
				t.Errorf("got %+v, want %+v", f.Lines, want)
			}
		})
	}
}

func TestRead_NumbersLinesAsAnEditorDoes(t *testing.T) {
	f, err := Read("a.csv", strings.NewReader(header+`1,A,"two
lines, one record",1,2010-12-01 08:26:00,1,,UK
2,B,"with ""quotes"", and a comma",1,2010-12-01 08:26:00,1,,UK
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Lines) != 2 || f.Lines[0].Number != 2 || f.Lines[1].Number != 4 {
		t.Fatalf("got %+v, want lines 2 and 4", f.Lines)
	}
	if got := f.Lines[0].Description; got != "two lines, one record" {
		t.Errorf("got description %q, want no control characters in it", got)
	}
	if got := f.Lines[1].Description; got != `with "quotes", and a comma` {
		t.Errorf("got description %q", got)
	}
}

func TestRead_DigestsTheContentAndNotItsCompression(t *testing.T) {
	plain, err := Read("a.csv", strings.NewReader(header+good))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := Read("a.csv.gz", strings.NewReader(zipped(t, header+good)))
	if err != nil {
		t.Fatal(err)
	}
	if plain.Digest != packed.Digest || plain.Digest == "" {
		t.Errorf("digests are %q and %q, want the same", plain.Digest, packed.Digest)
	}
}

func TestRead_RefusesAFileAndNamesTheLine(t *testing.T) {
	with := func(column int, value string) string {
		fields := strings.Split(strings.TrimSpace(good), ",")
		fields[column] = value
		return header + good + strings.Join(fields, ",") + "\n"
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "no lines below its header"},
		{"header only", header, "no lines below its header"},
		{"other columns", "a,b\n" + good, `line 1: the columns are "a,b"`},
		{"no header", good, "line 1: the columns are"},
		{"too few columns", header + "536365,85123A\n", "line 2: has 2 columns, not 8"},
		{"too many columns", header + good + strings.TrimSpace(good) + ",x\n", "line 3: has 9 columns, not 8"},
		{"stray quote", header + "1,A,B\"C,1,2010-12-01 08:26:00,1,,UK\n", `line 2: bare "`},
		{"open quote", header + "1,\"A,B,1,2010-12-01 08:26:00,1,,UK\n", "extraneous or missing"},
		{"no invoice", with(0, ""), `line 3: InvoiceNo ""`},
		{"invoice with a slash", with(0, "12/3"), `line 3: InvoiceNo "12/3"`},
		{"no code", with(1, " "), `line 3: StockCode ""`},
		{"code that is a path", with(1, ".."), `line 3: StockCode ".."`},
		{"code with a bell", with(1, "A\a"), "line 3: StockCode"},
		{"long code", with(1, strings.Repeat("x", 65)), "line 3: StockCode"},
		{"fraction of a unit", with(3, "1.5"), `line 3: quantity "1.5"`},
		{"huge quantity", with(3, "1000000000"), "line 3: quantity"},
		{"no date", with(4, "yesterday"), `line 3: InvoiceDate "yesterday"`},
		{"price in words", with(5, "free"), `line 3: UnitPrice: "free"`},
		{"price with an exponent", with(5, "1e5"), "line 3: UnitPrice"},
		{"price of seven decimals", with(5, "1.0000001"), "line 3: UnitPrice"},
		{"huge price", with(5, "100000001"), "line 3: UnitPrice: price 100000001 is above"},
		{"more money than there is", strings.Replace(with(5, "99999999"), ",6,2010-12-01 08:26:00,99999999", ",99999,2010-12-01 08:26:00,99999999", 1), "more money"},
		{"not UTF-8", with(2, "\xa3 5"), "line 3: Description is not UTF-8"},
		{"cut gzip", zipped(t, header+strings.Repeat(good, 100))[:60], "the gzip stream is broken"},
		{"gzip in name only", "\x1f\x8bnothing", "gzip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Read("bad.csv", strings.NewReader(c.text))
			var format *FormatError
			if !errors.As(err, &format) {
				t.Fatalf("got %d lines and error %v, want a FormatError", len(f.Lines), err)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "bad.csv: refused, nothing of it was sent") {
				t.Errorf("got %q, want it to name %q", err, c.want)
			}
		})
	}
}

func TestRead_StopsAfterSomeFaults(t *testing.T) {
	_, err := Read("bad.csv", strings.NewReader(header+strings.Repeat("1,2\n", 100)))
	var format *FormatError
	if !errors.As(err, &format) || len(format.Faults) != maxFaults || !format.More {
		t.Errorf("got %v, want %d faults and that there are more", err, maxFaults)
	}
}

func TestReadFile_ReportsAMissingFileAsSuch(t *testing.T) {
	if _, err := ReadFile(t.TempDir() + "/none.csv"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that there is no such file", err)
	}
}

func TestPrice_RoundsTheTotalOfALineOnce(t *testing.T) {
	for _, c := range []struct {
		price    string
		quantity int64
		want     int64
	}{
		{"2.55", 6, 1530},
		{"0.001", 1, 0}, // the one price of three decimals in the data
		{"0.001", 5, 1},
		{"0.001", 1000, 100},
		{"0.005", 1, 1},
		{"0.0049", 1, 0},
		{"1.045", 2, 209},
		{"-11062.06", 1, -1106206},
		{"4.25", -3, -1275},
		{"0", 74215, 0},
		{"1.04", 74215, 7718360},
		{"10000000", 1000, 1_000_000_000_000},
	} {
		p, err := parsePrice(c.price)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.times(c.quantity); got != c.want {
			t.Errorf("%d at %s: got %d pence, want %d", c.quantity, c.price, got, c.want)
		}
	}
}

func TestService_KnowsMoneyWithoutStock(t *testing.T) {
	for _, code := range []string{"POST", "DOT", "C2", "M", "m", "D", "B", "S", "CRUK", "PADS", "BANK CHARGES", "AMAZONFEE", "gift_0001_20"} {
		if !Service(code) {
			t.Errorf("%s is taken for goods", code)
		}
	}
	for _, code := range []string{"85123A", "DCGS0003", "22423", "15056BL", "POSTER"} {
		if Service(code) {
			t.Errorf("%s is taken for a service", code)
		}
	}
}

// FuzzRead holds for any file that is accepted: whatever becomes of its orders,
// its lines are all accounted for, and no more comes back than was sold.
func FuzzRead(f *testing.F) {
	f.Add(header+good, uint8(0))
	f.Add(header+good+strings.Replace(good, "536365", "C536366", 1), uint8(1))
	f.Add(header+good+"C1,85123A,x,-7,2010-12-02 08:26:00,2.55,17850.0,UK\n"+"2,POST,,-1,2010-12-01 08:26:00,0,,\n", uint8(2))
	f.Add(header+"A5,B,Adjust bad debt,1,2010-12-01 08:26:00,-11062.06,,\n3,22,,9,2010-12-01 08:26:00,0,,\n", uint8(3))
	f.Fuzz(func(t *testing.T, text string, ends uint8) {
		file, err := Read("fuzz.csv", strings.NewReader(text))
		if err != nil {
			return
		}
		plan, err := NewPlan([]File{file}, DefaultAssumptions)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range plan.Orders {
			if len(o.body.Lines) == 0 {
				t.Fatalf("order %s has no lines", o.ID)
			}
			o.view.Status = []string{statusCompleted, statusReturned, statusCancelled}[(int(ends)+i)%3]
			for _, r := range o.Returns {
				r.done = o.view.Status != statusCancelled
				for _, l := range r.lines {
					if l.Quantity < 1 || l.Quantity > o.body.Lines[l.Line-1].Quantity {
						t.Fatalf("return %s takes %d of line %d of %s", r.ID, l.Quantity, l.Line, o.ID)
					}
				}
			}
		}
		for _, item := range plan.Items {
			for _, m := range item.Movements {
				if m.Quantity < 1 || len(m.ID) > 64 {
					t.Fatalf("movement %+v of %s", m, item.SKU)
				}
				settleMovement(m)
			}
		}
		if _, err := newReport(plan); err != nil {
			t.Fatal(err)
		}
	})
}

// settleMovement has a movement accepted.
func settleMovement(m Movement) {
	switch {
	case m.line == nil:
	case m.Kind == writeOff:
		m.line.fate.outcome = WrittenOff
	default:
		m.line.fate.outcome = Found
	}
}

func ExampleRead() {
	_, err := Read("orders.csv", strings.NewReader(header+"1,A,a mug,six,2010-12-01 08:26:00,2.55,,UK\n"))
	fmt.Println(err)
	// Output: orders.csv: refused, nothing of it was sent: line 2: quantity "six" is not a whole number within ±100000000
}
