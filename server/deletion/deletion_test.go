package deletion_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/deletion"
)

func signer(t *testing.T, seed byte) *deletion.Signer {
	t.Helper()
	s, err := deletion.NewSigner(bytes.Repeat([]byte{seed}, 32))
	require.NoError(t, err)
	return s
}

// chain is a log of n entries; two processes take turns.
func chain(t *testing.T, n int, signers ...*deletion.Signer) []deletion.Entry {
	t.Helper()
	head := deletion.Start
	var out []deletion.Entry
	for i := range n {
		e := deletion.Entry{
			At: time.Date(2026, 11, 23, 8, 0, i, 123456789, time.UTC), Reason: deletion.Retention("tell"), Key: fmt.Sprintf("evidence/%d.jpg", i),
			SHA256: strings.Repeat("a", 64), InspectionID: fmt.Sprint("i", i), Ordinal: i % 3,
		}
		require.NoError(t, signers[i%len(signers)].Seal(&e, head))
		head = e.Head()
		out = append(out, e)
	}
	return out
}

func export(t *testing.T, entries []deletion.Entry, head deletion.Head, signers ...*deletion.Signer) string {
	t.Helper()
	var buf bytes.Buffer
	h := deletion.Header{ExportedAt: time.Now(), Head: head}
	for _, s := range signers {
		h.Keys = append(h.Keys, s.Public())
	}
	write, err := deletion.Export(&buf, h)
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, write(e))
	}
	return buf.String()
}

func TestAWholeLogIsVerified(t *testing.T) {
	a, b := signer(t, 1), signer(t, 2)
	entries := chain(t, 9, a, b)
	head := entries[8].Head()
	file := export(t, entries, head, a, b)
	header, got, err := deletion.VerifyExport(strings.NewReader(file), nil, nil)
	require.NoError(t, err)
	require.Equal(t, head, got)
	require.Len(t, header.Keys, 2)
	trusted := []deletion.PublicKey{a.Public(), b.Public()}
	noted := entries[4].Head()
	_, _, err = deletion.VerifyExport(strings.NewReader(file), trusted, &noted)
	require.NoError(t, err)
	again, err := deletion.ParseHead(noted.String())
	require.NoError(t, err)
	require.Equal(t, noted, again)
	empty := export(t, nil, deletion.Start)
	_, got, err = deletion.VerifyExport(strings.NewReader(empty), nil, nil)
	require.NoError(t, err)
	require.Zero(t, got.Seq)
}

func TestTamperingIsFound(t *testing.T) {
	a, stranger := signer(t, 1), signer(t, 9)
	whole := chain(t, 6, a)
	head := whole[5].Head()
	// forge changes an entry and seals it and all that follow anew, as whoever
	// has the records but not the key may.
	forge := func(es []deletion.Entry, at int, by *deletion.Signer) []deletion.Entry {
		previous := es[at-1].Head()
		for i := at; i < len(es); i++ {
			require.NoError(t, by.Seal(&es[i], previous))
			previous = es[i].Head()
		}
		return es
	}
	changes := map[string]struct {
		change func(es []deletion.Entry) []deletion.Entry
		says   string
	}{
		"reason":       {func(es []deletion.Entry) []deletion.Entry { es[2].Reason = deletion.Orphan; return es }, "entry 3 was changed"},
		"key":          {func(es []deletion.Entry) []deletion.Entry { es[2].Key = "evidence/other.jpg"; return es }, "entry 3 was changed"},
		"digest":       {func(es []deletion.Entry) []deletion.Entry { es[2].SHA256 = strings.Repeat("b", 64); return es }, "entry 3 was changed"},
		"inspection":   {func(es []deletion.Entry) []deletion.Entry { es[2].InspectionID = "x"; return es }, "entry 3 was changed"},
		"ordinal":      {func(es []deletion.Entry) []deletion.Entry { es[2].Ordinal = 7; return es }, "entry 3 was changed"},
		"time":         {func(es []deletion.Entry) []deletion.Entry { es[2].At = es[2].At.Add(time.Microsecond); return es }, "entry 3 was changed"},
		"previous":     {func(es []deletion.Entry) []deletion.Entry { es[2].Previous = es[0].Hash; return es }, "entry 3 does not follow"},
		"signature":    {func(es []deletion.Entry) []deletion.Entry { es[2].Signature = es[3].Signature; return es }, "entry 3 has a signature"},
		"no signature": {func(es []deletion.Entry) []deletion.Entry { es[2].Signature = ""; return es }, "entry 3 has a signature"},
		"removed":      {func(es []deletion.Entry) []deletion.Entry { return slices.Delete(es, 2, 3) }, "entry 4 stands where 3 belongs"},
		"first":        {func(es []deletion.Entry) []deletion.Entry { return es[1:] }, "entry 2 stands where 1 belongs"},
		"reordered":    {func(es []deletion.Entry) []deletion.Entry { es[2], es[3] = es[3], es[2]; return es }, "entry 4 stands where 3 belongs"},
		"renumbered": {func(es []deletion.Entry) []deletion.Entry {
			es = slices.Delete(es, 2, 3)
			for i := range es {
				es[i].Seq = int64(i + 1)
			}
			return es
		}, "entry 3 does not follow"},
		"other key":    {func(es []deletion.Entry) []deletion.Entry { return forge(es, 2, stranger) }, "not trusted"},
		"cut off":      {func(es []deletion.Entry) []deletion.Entry { return es[:4] }, "ends with entry 4"},
		"added":        {func(es []deletion.Entry) []deletion.Entry { return append(es, es[5]) }, "entry 6 stands where 7 belongs"},
		"resealed end": {func(es []deletion.Entry) []deletion.Entry { es[5].Key = "x"; return forge(es, 5, a) }, "ends with entry 6"},
	}
	for name, c := range changes {
		file := export(t, c.change(slices.Clone(whole)), head, a)
		_, _, err := deletion.VerifyExport(strings.NewReader(file), []deletion.PublicKey{a.Public()}, nil)
		require.ErrorIs(t, err, deletion.ErrBroken, name)
		require.ErrorContains(t, err, c.says, name)
	}

	// Whoever makes a whole log anew brings keys of their own.
	forged := chain(t, 3, stranger)
	file := export(t, forged, forged[2].Head(), stranger)
	_, _, err := deletion.VerifyExport(strings.NewReader(file), nil, nil)
	require.NoError(t, err, "by its own keys it is whole")
	_, _, err = deletion.VerifyExport(strings.NewReader(file), []deletion.PublicKey{a.Public()}, nil)
	require.ErrorContains(t, err, "not trusted")

	// Whoever has the key can cut the end off, and not what was noted.
	short := export(t, whole[:4], whole[3].Head(), a)
	_, _, err = deletion.VerifyExport(strings.NewReader(short), nil, nil)
	require.NoError(t, err)
	for _, noted := range []deletion.Head{head, {Seq: 2, Hash: whole[3].Hash}} {
		_, _, err = deletion.VerifyExport(strings.NewReader(short), nil, &noted)
		require.ErrorIs(t, err, deletion.ErrBroken)
	}
}

func TestFilesThatAreNoLog(t *testing.T) {
	a := signer(t, 1)
	es := chain(t, 2, a)
	good := export(t, es, es[1].Head(), a)
	for name, file := range map[string]string{
		"empty": "", "text": "hello\n", "json": "{}\n", "half a line": good[:len(good)-20],
		"no header": good[strings.Index(good, "\n")+1:],
	} {
		_, _, err := deletion.VerifyExport(strings.NewReader(file), nil, nil)
		require.ErrorIs(t, err, deletion.ErrBroken, name)
	}
	for _, bad := range []string{"", "5", "5:", "0:" + strings.Repeat("a", 64), "x:" + strings.Repeat("a", 64)} {
		_, err := deletion.ParseHead(bad)
		require.Error(t, err, bad)
	}
	_, err := deletion.ParseKey("AAAA")
	require.Error(t, err)
	_, err = deletion.NewSigner([]byte("short"))
	require.Error(t, err)
	// What is exported is what the API lists.
	line, err := json.Marshal(es[0])
	require.NoError(t, err)
	require.Contains(t, good, string(line))
}
