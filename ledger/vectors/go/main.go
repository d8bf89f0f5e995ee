// Command verify checks an evidence package with Go's own note and tlog packages, unmodified. With
// Debian's golang-go and golang-golang-x-mod-dev (elsewhere, "go mod init" and "go mod tidy" first):
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run main.go PACKAGE.zip FOUNDING_ENTRY_ID
//
// It shares no line with FedCredit. It checks the digests, every entry's signatures by the keys that
// earlier entries brought, its place in the tree, and the log's and the witnesses' signatures under
// the checkpoint; not the rules, nor that the parties agreed to a change of policy.
package main

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type party struct {
	Party    string
	Signing  string `json:"signing_vkey"`
	Recovery string `json:"recovery_vkey"`
}

type entry struct {
	Author, Type string
	Data         struct {
		party
		Founders          []party
		Use, Vkey, Policy string
		Lines             []string
		Log               string   `json:"log_vkey"`
		Witnesses         []string `json:"witness_policy"`
		Old               string   `json:"old_vkey"`
		New               string   `json:"new_vkey"`
	}
}

// What the entries so far say: the parties' keys, the log's key, whose co-signatures are needed.
var (
	signing, recovery = map[string]string{}, map[string]string{}
	log, policy       = "", []string{}
	at                = "archive" // the file that is being read, for messages
)

func demand(good bool, format string, values ...interface{}) {
	if !good {
		fmt.Fprintf(os.Stderr, "INVALID: "+at+": "+format+"\n", values...)
		os.Exit(59)
	}
}

func must[T any](value T, err error) T {
	demand(err == nil, "%v", err)
	return value
}

// read returns the files of the package after checking SHA256SUMS.
func read(path string) map[string][]byte {
	files := map[string][]byte{}
	for _, file := range must(zip.OpenReader(path)).File {
		files[file.Name] = append(files[file.Name], must(io.ReadAll(must(file.Open())))...)
	}
	at = "SHA256SUMS"
	lines := strings.Split(string(files[at]), "\n")
	demand(len(lines) == len(files), "another number of files")
	for _, line := range lines[:len(lines)-1] {
		digest, name, _ := strings.Cut(line, "  ")
		demand(fmt.Sprintf("%x", sha256.Sum256(files[name])) == digest, "%s: another digest", name)
	}
	return files
}

// parse splits a leaf into the author's note, its body and the id of the entry.
func parse(leaf []byte) (string, entry, string) {
	parts := bytes.SplitN(leaf, []byte("\n"), 5)
	demand(len(parts) == 5, "no leaf")
	text := parts[4][:bytes.LastIndex(parts[4], []byte("\n\n"))+1]
	first, rest, _ := strings.Cut(string(text), "\n")
	var body entry
	demand(first == "fedcredit-ledger-entry/v1" && json.Unmarshal([]byte(rest), &body) == nil, "no entry")
	return string(parts[4]), body, fmt.Sprintf("%x", sha256.Sum256(text))
}

// open verifies a note by Ed25519 keys; it counts the lines by a policy's witnesses that verify.
func open(raw []byte, vkeys []string, policy []string) (opened *note.Note, count int) {
	known := []note.Verifier{}
	for _, vkey := range vkeys {
		known = append(known, must(note.NewVerifier(vkey)))
	}
	opened = must(note.Open(raw, note.VerifierList(known...)))
	demand(len(opened.Sigs) == len(vkeys), "a signature is missing")
	for _, line := range policy {
		words := append(strings.Fields(line), "", "")
		vkey := strings.SplitN(words[2], "+", 3)
		for _, line := range opened.UnverifiedSigs {
			if words[0] == "witness" && fmt.Sprintf("%s+%08x", line.Name, line.Hash) == vkey[0]+"+"+vkey[1] {
				key := must(base64.StdEncoding.DecodeString(vkey[2]))
				raw := must(base64.StdEncoding.DecodeString(line.Base64))
				seconds := binary.BigEndian.Uint64(raw[4:12])
				message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, opened.Text)
				demand(ed25519.Verify(key[1:], []byte(message), raw[12:]), "the co-signature of %s does not verify", line.Name)
				count++
			}
		}
	}
	return opened, count
}

// signers returns whose signatures an entry must carry: keys of parties, then lines of witnesses.
func signers(body entry) (keys []string, witnesses []string) {
	keys = []string{signing[body.Author]}
	switch {
	case body.Type == "federation-created":
		keys = nil
		for _, member := range body.Data.Founders {
			keys = append(keys, member.Signing)
		}
	case body.Type == "party-key-revoked" && body.Data.Party == body.Author:
		keys = []string{recovery[body.Author]}
	case body.Type == "party-key-rotated" && body.Data.Use == "witness":
		witnesses = []string{"witness old " + body.Data.Old, "witness new " + body.Data.New}
	case body.Data.Signing+body.Data.New != "": // who joins, and a new key, sign too
		keys = append(keys, body.Data.Signing+body.Data.New)
	}
	return keys, witnesses
}

// apply lets an entry, whose signatures are checked, change keys and policy.
func apply(body entry) {
	data := body.Data
	for _, member := range append(data.Founders, data.party) {
		if member.Signing != "" {
			signing[member.Party], recovery[member.Party] = member.Signing, member.Recovery
		}
	}
	switch {
	case body.Type == "federation-created":
		log, policy = data.Log, data.Witnesses
	case body.Type == "policy-changed" && data.Policy == "witness":
		policy = data.Lines
	case body.Type == "party-key-rotated" && data.Use == "signing":
		signing[data.Party] = data.New
	case body.Type == "party-left" || data.Vkey != "" && data.Vkey == signing[data.Party]:
		delete(signing, data.Party)
	case data.New != "":
		log = strings.Replace(log, data.Old, data.New, 1)
		policy = strings.Split(strings.ReplaceAll(strings.Join(policy, "\n"), data.Old, data.New), "\n")
	}
}

func main() {
	demand(len(os.Args) == 3, "usage: verify PACKAGE.zip FOUNDING_ENTRY_ID")
	files := read(os.Args[1])
	places := []int{}
	for name := range files {
		if number := strings.TrimSuffix(name, ".leaf"); number != name {
			places = append(places, must(strconv.Atoi(strings.TrimPrefix(number, "entries/"))))
		}
	}
	sort.Ints(places)
	for _, place := range places {
		at = fmt.Sprintf("entries/%d.leaf", place)
		text, body, id := parse(files[at])
		demand(place > 0 || id == os.Args[2], "another founding entry")
		keys, witnesses := signers(body)
		opened, count := open([]byte(text), keys, witnesses)
		demand(len(opened.UnverifiedSigs) == count, "signed by a stranger")
		apply(body)
	}
	at = "checkpoint"
	head, witnesses := open(files[at], []string{log}, policy)
	lines := strings.Split(head.Text, "\n")
	demand(strings.HasPrefix(log, lines[0]+"+"), "not of this ledger")
	size, root := must(strconv.ParseInt(lines[1], 10, 64)), must(tlog.ParseHash(lines[2]))
	for _, place := range places {
		hash := tlog.RecordHash(files[fmt.Sprintf("entries/%d.leaf", place)])
		at = fmt.Sprintf("entries/%d.tlog-proof", place)
		proof := strings.Split(string(files[at]), "\n")
		demand(len(proof) > 2 && proof[1] == fmt.Sprintf("index %d", place), "another index")
		path := tlog.RecordProof{}
		for i := 2; i < len(proof) && proof[i] != ""; i++ {
			path = append(path, must(tlog.ParseHash(proof[i])))
		}
		demand(tlog.CheckRecord(path, size, root, int64(place), hash) == nil, "does not lead from the leaf to the root")
	}
	fmt.Printf("%d entries under a checkpoint of %d leaves, %d witnesses: VALID\n", len(places), size, witnesses)
}
