package clock

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
)

// function is one function of the vDSO, and what takes its place: code with a gap
// for the offset in seconds.
type function struct {
	name        string
	head, after []byte
}

// Each makes the system call that the function stands for, adds the offset to the
// seconds of its answer, and returns.
var functions = []function{
	{ // int clock_gettime(clockid_t edi, struct timespec *rsi)
		name: "__vdso_clock_gettime",
		head: []byte{
			0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228
			0x0f, 0x05, // syscall
			0x85, 0xff, // test edi, edi: the wall clock is number 0
			0x75, 0x0d, // jne ret
			0x48, 0xb9, // mov rcx, offset
		},
		after: []byte{
			0x48, 0x01, 0x0e, // add [rsi], rcx
			0xc3, // ret
		},
	},
	{ // int gettimeofday(struct timeval *rdi, struct timezone *rsi)
		name: "__vdso_gettimeofday",
		head: []byte{
			0xb8, 0x60, 0x00, 0x00, 0x00, // mov eax, 96
			0x0f, 0x05, // syscall
			0x48, 0x85, 0xff, // test rdi, rdi
			0x74, 0x0d, // je ret
			0x48, 0xb9, // mov rcx, offset
		},
		after: []byte{
			0x48, 0x01, 0x0f, // add [rdi], rcx
			0xc3, // ret
		},
	},
	{ // time_t time(time_t *rdi)
		name: "__vdso_time",
		head: []byte{
			0xb8, 0xc9, 0x00, 0x00, 0x00, // mov eax, 201
			0x0f, 0x05, // syscall
			0x48, 0xb9, // mov rcx, offset
		},
		after: []byte{
			0x48, 0x01, 0xc8, // add rax, rcx
			0x48, 0x85, 0xff, // test rdi, rdi
			0x74, 0x03, // je ret
			0x48, 0x89, 0x07, // mov [rdi], rax
			0xc3, // ret
		},
	},
}

func (f function) code(offset int64) []byte {
	return slices.Concat(f.head, binary.LittleEndian.AppendUint64(nil, uint64(offset)), f.after)
}

// site is where a function is in a vDSO.
type site struct {
	function
	at, size uint64
}

// sites finds the functions in the image of a vDSO.
func sites(image []byte) ([]site, error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, fmt.Errorf("read the vDSO: %w", err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return nil, fmt.Errorf("read the vDSO: %w", err)
	}
	var out []site
	for _, f := range functions {
		i := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == f.name })
		if i < 0 {
			return nil, fmt.Errorf("the vDSO has no %s", f.name)
		}
		s := site{f, symbols[i].Value, symbols[i].Size}
		if uint64(len(f.code(0))) > s.size || s.at+s.size > uint64(len(image)) {
			return nil, fmt.Errorf("%s has %d bytes at %#x, too few", f.name, s.size, s.at)
		}
		out = append(out, s)
	}
	return out, nil
}
