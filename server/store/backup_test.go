package store_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/storetest"
)

// fill stores something in every table.
func fill(t *testing.T, st *store.Store) {
	t.Helper()
	ctx := ctxOf(t)
	places(t, st)
	for n := range 120 {
		i := newInspection()
		i.Reason = "引号\" 反斜杠\\ \u2028 <&>"
		save(t, st, i)
		if n%10 == 0 {
			_, err := st.SaveReview(ctx, i.ID, inspection.Review{Decision: inspection.Relabelled, Category: "residual", By: "李"},
				datasets.Sample{ID: i.ID, Category: "residual", Source: "deposit", DepositID: i.ID, Key: "samples/" + i.ID, LabelledAt: epoch})
			require.NoError(t, err)
		}
	}
	due, err := st.EvidenceDue(ctx, epoch.Add(25*time.Hour), epoch, 5)
	require.NoError(t, err)
	for _, e := range due {
		require.NoError(t, st.LogDeletions(ctx, newSigner(1), deletion.Entry{
			At: epoch.Add(time.Hour), Reason: deletion.Retention("tell"), Key: e.Key, SHA256: e.SHA256, InspectionID: e.InspectionID, Ordinal: e.Ordinal,
		}))
	}
	require.NoError(t, st.LogAccess(ctx, &store.CameraAccess{CameraID: "cam", StationID: "north", PrincipalID: "p", PrincipalName: "李", PrincipalKind: "token"}))
	require.NoError(t, st.CreateCamera(ctx, &station.Camera{ID: "remembered", StationID: "north", Kind: station.Push}))
	require.NoError(t, st.SaveCameraMemory(ctx, store.CameraMemory{CameraID: "remembered", Device: "d", At: epoch, Memory: []byte{0, 255}}))
	require.NoError(t, st.CreateToken(ctx, &store.Token{Name: "gate", Scopes: []string{"read"}}, "token-hash"))
	require.NoError(t, st.CreateSession(ctx, "session-hash", store.Session{User: "u", ExpiresAt: epoch.Add(time.Hour)}))
	require.NoError(t, st.CreateLink(ctx, "link-hash", store.Link{User: "u", ExpiresAt: epoch.Add(time.Hour)}))
	_, _, err = st.ClaimIdempotency(ctx, "blue", "k", "h", "d")
	require.NoError(t, err)
	_, _, err = st.Setting(ctx, "signing", "signing-secret")
	require.NoError(t, err)
}

func backup(t *testing.T, st *store.Store) ([]byte, store.BackupInfo) {
	t.Helper()
	var buf bytes.Buffer
	info, err := st.Backup(ctxOf(t), &buf)
	require.NoError(t, err)
	return buf.Bytes(), info
}

// same compares two backups apart from the engine and the time of making.
func same(t *testing.T, a, b store.BackupInfo) {
	t.Helper()
	a.Engine, a.CreatedAt = b.Engine, b.CreatedAt
	require.Equal(t, a, b)
}

func TestBackupRoundTrip(t *testing.T) {
	a := open(t, sqliteURL(t))
	fill(t, a)
	data, info := backup(t, a)
	require.Equal(t, store.SQLite, info.Engine)
	require.Greater(t, info.Rows(), int64(120*3))

	there := storetest.PostgresURL(t)
	restored, err := store.Restore(ctxOf(t), bytes.NewReader(data), there, store.Options{})
	require.NoError(t, err)
	same(t, info, restored)
	b := open(t, there)
	data2, info2 := backup(t, b)
	require.Equal(t, store.Postgres, info2.Engine)
	same(t, info, info2)

	back := sqliteURL(t)
	_, err = store.Restore(ctxOf(t), bytes.NewReader(data2), back, store.Options{})
	require.NoError(t, err)
	c := open(t, back)
	_, info3 := backup(t, c)
	same(t, info, info3)

	ctx := ctxOf(t)
	want, err := a.ListInspections(ctx, inspection.Filter{Limit: 200})
	require.NoError(t, err)
	for _, st := range []*store.Store{b, c} {
		got, err := st.ListInspections(ctx, inspection.Filter{Limit: 200})
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, err = st.TokenByHash(ctx, "token-hash", epoch)
		require.NoError(t, err, "token hashes are kept")
		_, err = st.SessionByHash(ctx, "session-hash", epoch)
		require.ErrorIs(t, err, store.ErrNotFound, "sessions are not")
		_, err = st.ConsumeLink(ctx, "link-hash", epoch)
		require.ErrorIs(t, err, store.ErrNotFound, "links are not")
		require.Len(t, verified(t, st), 6, "the log is proved by the restored records alone")
		looks, _, err := st.ListAccesses(ctx, "", "", 5)
		require.NoError(t, err)
		require.Len(t, looks, 1)
		next := newInspection()
		save(t, st, next)
		require.EqualValues(t, 121, next.Seq, "the numbers go on")
	}
	for _, secret := range []string{"session-hash", "link-hash", "signing-secret"} {
		require.NotContains(t, string(unzip(t, data)), secret)
	}
}

func unzip(t *testing.T, data []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	out, err := io.ReadAll(r)
	require.NoError(t, err)
	return out
}

func TestRestoreNeedsEmpty(t *testing.T) {
	onBoth(t, func(t *testing.T, st *store.Store) {
		data, _ := backup(t, st)
		url := sqliteURL(t)
		if st.Engine() == store.Postgres {
			url = storetest.PostgresURL(t)
		}
		full := open(t, url)
		require.NoError(t, full.CreateStation(ctxOf(t), &station.Station{ID: "x"}))
		_, err := store.Restore(ctxOf(t), bytes.NewReader(data), url, store.Options{})
		require.ErrorIs(t, err, store.ErrConflict)
		require.ErrorContains(t, err, "not empty: table stations has 1 rows")
	})
}

// repack changes a backup's files.
func repack(t *testing.T, data []byte, change func(name string, content []byte) []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	out := tar.NewWriter(zip)
	in := tar.NewReader(bytes.NewReader(unzip(t, data)))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		content, err := io.ReadAll(in)
		require.NoError(t, err)
		if content = change(h.Name, content); content == nil {
			continue
		}
		h.Size = int64(len(content))
		require.NoError(t, out.WriteHeader(h))
		_, err = out.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, out.Close())
	require.NoError(t, zip.Close())
	return buf.Bytes()
}

func TestRestoreRefusesDamage(t *testing.T) {
	onBoth(t, func(t *testing.T, st *store.Store) {
		fill(t, st)
		data, info := backup(t, st)
		header := func(edit func(*store.BackupInfo)) []byte {
			return repack(t, data, func(name string, content []byte) []byte {
				if name != "header.json" {
					return content
				}
				var h store.BackupInfo
				require.NoError(t, json.Unmarshal(content, &h))
				edit(&h)
				out, err := json.Marshal(h)
				require.NoError(t, err)
				return out
			})
		}
		flipped := repack(t, data, func(name string, content []byte) []byte {
			if name == "inspections.jsonl" {
				return bytes.Replace(content, []byte("battery"), []byte("bottles"), 1)
			}
			return content
		})
		missing := repack(t, data, func(name string, content []byte) []byte {
			if name == "tokens.jsonl" {
				return nil
			}
			return content
		})
		url := sqliteURL(t)
		if st.Engine() == store.Postgres {
			url = storetest.PostgresURL(t)
		}
		for name, bad := range map[string][]byte{
			"empty":      nil,
			"no gzip":    []byte("a text"),
			"cut":        data[:len(data)-20],
			"half":       data[:len(data)/2],
			"a flip":     flipped,
			"a file off": missing,
			"rows":       header(func(h *store.BackupInfo) { h.Tables[4].Rows-- }),
			"newer":      header(func(h *store.BackupInfo) { h.Schema++ }),
			"columns":    header(func(h *store.BackupInfo) { h.Tables[0].Columns[0] = "id) SELECT 1; --" }),
			"tables":     header(func(h *store.BackupInfo) { h.Tables[0].Name = "links" }),
		} {
			_, err := store.Restore(ctxOf(t), bytes.NewReader(bad), url, store.Options{})
			require.ErrorIs(t, err, store.ErrInvalid, name)
		}
		restored, err := store.Restore(ctxOf(t), bytes.NewReader(data), url, store.Options{})
		require.NoError(t, err, "the failures have left nothing behind")
		same(t, info, restored)
	})
}

// olderBackup makes a backup what it would have been under an older schema,
// without what came later: columns by table, and the tables with none named.
func olderBackup(t *testing.T, data []byte, schema int64, later map[string][]string) []byte {
	t.Helper()
	rows := map[string][]byte{}
	data = repack(t, data, func(name string, content []byte) []byte {
		table := strings.TrimSuffix(name, ".jsonl")
		columns, changed := later[table]
		switch {
		case !changed:
			return content
		case columns == nil:
			return nil
		}
		for line := range bytes.Lines(content) {
			var row map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(line, &row))
			for _, c := range columns {
				require.Contains(t, row, c)
				delete(row, c)
			}
			out, err := json.Marshal(row)
			require.NoError(t, err)
			rows[table] = append(append(rows[table], out...), '\n')
		}
		return rows[table]
	})
	return repack(t, data, func(name string, content []byte) []byte {
		if name != "header.json" {
			return content
		}
		var h store.BackupInfo
		require.NoError(t, json.Unmarshal(content, &h))
		h.Schema = schema
		h.Tables = slices.DeleteFunc(h.Tables, func(t store.BackupTable) bool {
			columns, changed := later[t.Name]
			return changed && columns == nil
		})
		for i := range h.Tables {
			table := &h.Tables[i]
			if columns := later[table.Name]; columns != nil {
				sum := sha256.Sum256(rows[table.Name])
				table.SHA256, table.Bytes = hex.EncodeToString(sum[:]), int64(len(rows[table.Name]))
				table.Columns = slices.DeleteFunc(table.Columns, func(c string) bool { return slices.Contains(columns, c) })
			}
		}
		out, err := json.Marshal(h)
		require.NoError(t, err)
		return out
	})
}

// A backup of every older schema is restored into both engines; what was not
// recorded then is empty.
func TestRestoreOfAnOlderBackup(t *testing.T) {
	a := open(t, sqliteURL(t))
	fill(t, a)
	told, err := a.ListInspections(ctxOf(t), inspection.Filter{Limit: 1})
	require.NoError(t, err)
	_, err = a.OpenPrompt(ctxOf(t), told[0], inspection.Prompt{
		State: inspection.PromptOpen, OpenedAt: told[0].DecidedAt, Until: told[0].DecidedAt, Steps: &inspection.Steps{TakenAt: told[0].ReceivedAt},
	})
	require.NoError(t, err)
	_, err = a.ShowPrompt(ctxOf(t), told[0].ID, told[0].DecidedAt)
	require.NoError(t, err)
	_, err = a.RemovePrompt(ctxOf(t), told[0].ID, told[0].DecidedAt, told[0].DecidedAt)
	require.NoError(t, err)
	data, info := backup(t, a)
	want, err := a.ListInspections(ctxOf(t), inspection.Filter{Limit: 200})
	require.NoError(t, err)
	require.NotNil(t, want[0].Reading)
	require.NotNil(t, want[0].Agreement)
	require.NotNil(t, want[0].Prompt)
	require.Positive(t, want[0].PassAt)
	newest := []struct { // from the newest schema down
		schema  int64
		changes map[string][]string // columns by table; nil: the whole table came
		clear   func(i *inspection.Inspection)
	}{
		{14, map[string][]string{"camera_memories": nil}, func(*inspection.Inspection) {}},
		{13, map[string][]string{}, func(*inspection.Inspection) {}},
		{11, map[string][]string{"stations": {"prompts"}, "prompts": {"removed_at", "shown_at", "looked_at", "steps"}}, func(i *inspection.Inspection) {
			if i.Prompt != nil {
				i.Prompt.RemovedAt, i.Prompt.ShownAt, i.Prompt.LookedAt, i.Prompt.Steps = nil, nil, nil, nil
			}
		}},
		{10, map[string][]string{"stations": {"agent"}, "agents": nil, "relayed": nil, "outbox": nil}, func(*inspection.Inspection) {}},
		{9, map[string][]string{"cameras": {"detector"}}, func(*inspection.Inspection) {}},
		{8, map[string][]string{"accesses": nil, "deletions": nil, "deletion_keys": nil}, func(*inspection.Inspection) {}},
		{6, map[string][]string{"cameras": {"transport"}}, func(*inspection.Inspection) {}},
		{5, map[string][]string{"prompts": nil}, func(i *inspection.Inspection) { i.Prompt = nil }},
		{4, map[string][]string{"inspections": {"reading"}}, func(i *inspection.Inspection) { i.Reading = nil }},
		{3, map[string][]string{"inspections": {"score", "tell_at", "miss", "pass_at", "bound_level", "harm_version"}}, func(i *inspection.Inspection) {
			i.Score, i.TellAt, i.Miss, i.PassAt, i.BoundLevel, i.HarmVersion = 0, 0, 0, 0, "", ""
		}},
		{2, map[string][]string{"inspections": {"agreement", "strangeness"}}, func(i *inspection.Inspection) { i.Agreement, i.Strangeness = nil, nil }},
	}
	require.Equal(t, newest[0].schema, info.Schema, "the test knows every schema")
	later := map[string][]string{}
	for _, c := range newest {
		for table, columns := range c.changes {
			if later[table] = append(later[table], columns...); columns == nil {
				later[table] = nil
			}
		}
		for _, i := range want {
			c.clear(i)
		}
		old := olderBackup(t, data, c.schema-1, later)
		for _, url := range []string{sqliteURL(t), storetest.PostgresURL(t)} {
			_, err := store.Restore(ctxOf(t), bytes.NewReader(old), url, store.Options{})
			require.NoError(t, err)
			got, err := open(t, url).ListInspections(ctxOf(t), inspection.Filter{Limit: 200})
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
}

func TestBackupIsConsistent(t *testing.T) {
	onBoth(t, func(t *testing.T, st *store.Store) {
		ctx, stop := context.WithCancel(ctxOf(t))
		var group sync.WaitGroup
		started := make(chan struct{})
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				_, _ = st.SaveInspection(ctx, &inspection.Inspection{
					ID: uuid.NewString(), Evidence: []inspection.Evidence{{Ordinal: 0, Key: "k"}},
				})
				if n == 20 {
					close(started)
				}
			}
		})
		<-started
		for range 5 {
			data, info := backup(t, st)
			rows := map[string]int64{}
			for _, table := range info.Tables {
				rows[table.Name] = table.Rows
			}
			require.Equal(t, rows["inspections"], rows["evidence"])
			_, err := store.Restore(ctxOf(t), bytes.NewReader(data), sqliteURL(t), store.Options{})
			require.NoError(t, err)
		}
		stop()
		group.Wait()
	})
}

func TestBackupTellsAFullDisk(t *testing.T) {
	st := open(t, sqliteURL(t))
	_, err := st.Backup(ctxOf(t), fullDisk{})
	require.ErrorContains(t, err, "no room")
	require.True(t, strings.HasPrefix(err.Error(), "store: backup: "))
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no room") }
