// nulltsd: a null OpenTSDB that answers at once and counts. One port speaks HTTP /api/put and telnet put
// (first-bytes sniff like OpenTSDB's PipelineFactory).
//
//	GET /count          -> {"points":N,"http":N,"telnet":N,"synced":N,"lines":N,...}
//	                       synced: points of `?sync` puts, which a proxy sends to confirm, not part of points
//	GET /reset          -> zero the counters
//	GET /ctl?status=503&delay=10ms&telneterr=100  -> fault injection at run time
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	addr                                                                  = flag.String("addr", "127.0.0.1:31000", "listen")
	only                                                                  = flag.String("only", "", "count only the points that hold this text")
	dump                                                                  = flag.String("dump", "", "append decoded HTTP bodies and telnet lines to this file (slow)")
	httpPts, telPts, syncPts, otherLines, reqs, conns, reqBytes, versions atomic.Int64
	fStatus                                                               atomic.Int64
	fDelay                                                                atomic.Int64 // ns
	fTelErr                                                               atomic.Int64 // every N puts emit an error line
	dumpMu                                                                sync.Mutex
	dumpF                                                                 *os.File
)

func main() {
	st := flag.Int("status", 204, "status for /api/put")
	dl := flag.Duration("delay", 0, "delay before each /api/put answer")
	flag.Parse()
	fStatus.Store(int64(*st))
	fDelay.Store(int64(*dl))
	if *only != "" {
		counted = []byte(*only)
	}
	if *dump != "" {
		f, err := os.OpenFile(*dump, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			log.Fatal(err)
		}
		dumpF = f
	}
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			log.Fatal(err)
		}
		conns.Add(1)
		go handle(c)
	}
}

func dumpB(tag string, b []byte) {
	if dumpF == nil {
		return
	}
	dumpMu.Lock()
	fmt.Fprintf(dumpF, "%s %s\n", tag, b)
	dumpMu.Unlock()
}

func handle(c net.Conn) {
	defer c.Close()
	br := bufio.NewReaderSize(c, 256<<10)
	p, err := br.Peek(4)
	if err != nil {
		if b, _ := br.Peek(1); len(b) == 0 {
			return
		}
	}
	switch string(p) {
	case "GET ", "POST", "PUT ", "HEAD", "OPTI", "DELE":
		serveHTTP(c, br)
	default:
		serveTelnet(c, br)
	}
}

func serveTelnet(c net.Conn, br *bufio.Reader) {
	var nput int64
	putP := []byte("put ")
	for {
		line, err := br.ReadSlice('\n')
		if len(line) > 0 && (err == nil || err == io.EOF) {
			switch {
			case bytes.HasPrefix(line, putP):
				if counted == nil || bytes.Contains(line, counted) {
					telPts.Add(1)
				}
				nput++
				dumpB("T", bytes.TrimRight(line, "\r\n"))
				if e := fTelErr.Load(); e > 0 && nput%e == 0 {
					fmt.Fprintf(c, "put: illegal argument: injected error\n")
				}
			case bytes.HasPrefix(line, []byte("version")):
				versions.Add(1)
				io.WriteString(c, "net.opentsdb.tools nulltsd built at revision 0000000 (MODIFIED)\nBuilt on 2026/01/01 by bench@localhost:/tmp\n")
			case bytes.HasPrefix(line, []byte("exit")):
				return
			case len(bytes.TrimSpace(line)) == 0:
			default:
				otherLines.Add(1)
				dumpB("L", bytes.TrimRight(line, "\r\n"))
			}
		}
		if err != nil {
			if err == bufio.ErrBufferFull {
				// discard the rest of an over-long line
				for err == bufio.ErrBufferFull {
					_, err = br.ReadSlice('\n')
				}
				if err == nil {
					continue
				}
			}
			return
		}
	}
}

var gzPool sync.Pool
var bufPool = sync.Pool{New: func() any { return new(bytes.Buffer) }}

var started = time.Now().UnixMilli()

// What a point must hold to be counted; nil counts all. Set once, before the first connection.
var counted []byte

var metricTok = []byte(`"metric"`)

func serveHTTP(c net.Conn, br *bufio.Reader) {
	body := make([]byte, 0, 64<<10)
	out := make([]byte, 0, 512)
	for {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return
		}
		f := bytes.Fields(line)
		if len(f) < 2 {
			return
		}
		method, target := string(f[0]), string(f[1])
		http10 := len(f) > 2 && bytes.Equal(f[2], []byte("HTTP/1.0"))
		cl := int64(-1)
		chunked, gz, closeC, keep, expect := false, false, http10, false, false
		enc := ""
		for {
			h, err := br.ReadSlice('\n')
			if err != nil {
				return
			}
			h = bytes.TrimRight(h, "\r\n")
			if len(h) == 0 {
				break
			}
			i := bytes.IndexByte(h, ':')
			if i < 0 {
				continue
			}
			k, v := h[:i], bytes.TrimSpace(h[i+1:])
			switch len(k) {
			case 14:
				if eqFold(k, "content-length") {
					cl, _ = strconv.ParseInt(string(v), 10, 64)
				}
			case 16:
				if eqFold(k, "content-encoding") {
					enc = strings.ToLower(string(v))
					gz = enc == "gzip"
				}
			case 17:
				if eqFold(k, "transfer-encoding") {
					chunked = bytes.Contains(bytes.ToLower(v), []byte("chunked"))
				}
			case 10:
				if eqFold(k, "connection") {
					lv := strings.ToLower(string(v))
					if strings.Contains(lv, "close") {
						closeC = true
					}
					if strings.Contains(lv, "keep-alive") {
						keep = true
					}
				}
			case 6:
				if eqFold(k, "expect") {
					expect = true
				}
			}
		}
		if http10 && keep {
			closeC = false
		}
		if expect {
			io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		body = body[:0]
		if chunked {
			for {
				l, err := br.ReadSlice('\n')
				if err != nil {
					return
				}
				s := string(bytes.TrimSpace(l))
				if j := strings.IndexByte(s, ';'); j >= 0 {
					s = s[:j]
				}
				n, err := strconv.ParseInt(s, 16, 64)
				if err != nil {
					return
				}
				if n == 0 {
					for {
						l, err := br.ReadSlice('\n')
						if err != nil {
							return
						}
						if len(bytes.TrimSpace(l)) == 0 {
							break
						}
					}
					break
				}
				off := len(body)
				body = grow(body, int(n))
				if _, err := io.ReadFull(br, body[off:]); err != nil {
					return
				}
				br.Discard(2)
			}
		} else if cl > 0 {
			body = grow(body, int(cl))
			if _, err := io.ReadFull(br, body); err != nil {
				return
			}
		}
		reqs.Add(1)
		reqBytes.Add(int64(len(body)))
		path, query := target, url.Values(nil)
		if i := strings.IndexByte(path, '?'); i >= 0 {
			query, _ = url.ParseQuery(path[i+1:])
			path = path[:i]
		}
		status, resp := 404, ""
		switch path {
		case "/api/put":
			if d := fDelay.Load(); d > 0 {
				time.Sleep(time.Duration(d))
			}
			status = int(fStatus.Load())
			b := body
			var bb *bytes.Buffer
			if gz {
				bb = bufPool.Get().(*bytes.Buffer)
				bb.Reset()
				zr, _ := gzPool.Get().(*gzip.Reader)
				var err error
				if zr == nil {
					zr, err = gzip.NewReader(bytes.NewReader(body))
				} else {
					err = zr.Reset(bytes.NewReader(body))
				}
				if err == nil {
					_, err = bb.ReadFrom(zr)
				}
				if zr != nil {
					gzPool.Put(zr)
				}
				if err != nil {
					status = 400
				}
				b = bb.Bytes()
			}
			n := int64(0)
			if status/100 == 2 {
				n = int64(bytes.Count(b, metricTok))
				own := n
				if counted != nil {
					own = int64(bytes.Count(b, counted))
				}
				if query.Has("sync") {
					syncPts.Add(own)
				} else {
					httpPts.Add(own)
				}
			}
			dumpB(strconv.Itoa(status), b)
			if bb != nil {
				bufPool.Put(bb)
			}
			if status == 204 && query.Has("details") {
				status, resp = 200, fmt.Sprintf(`{"success":%d,"failed":0,"errors":[]}`, n)
			} else if status == 204 && query.Has("summary") {
				status, resp = 200, fmt.Sprintf(`{"success":%d,"failed":0}`, n)
			} else if status != 204 {
				resp = `{"error":{"code":` + strconv.Itoa(status) + `,"message":"injected error"}}`
			}
		case "/api/config":
			status, resp = 200, `{"tsd.http.request.enable_chunked":"true","tsd.http.request.max_chunk":"16777216","tsd.core.auto_create_metrics":"true","tsd.storage.fix_duplicates":"true","tsd.storage.flush_interval":"1000","tsd.network.port":""}`
		case "/api/stats":
			status, resp = 200, `[{"metric":"tsd.rpc.errors","timestamp":0,"value":"0","tags":{"type":"hbase_errors"}},{"metric":"tsd.rpc.exceptions","timestamp":0,"value":"0","tags":{}},{"metric":"tsd.hbase.nsre","timestamp":0,"value":"0","tags":{}}]`
		case "/api/stats/jvm":
			status, resp = 200, fmt.Sprintf(`{"runtime":{"startTime":%d}}`, started)
		case "/count":
			status = 200
			h, t, p, o := httpPts.Load(), telPts.Load(), syncPts.Load(), otherLines.Load()
			resp = fmt.Sprintf(`{"points":%d,"http":%d,"telnet":%d,"synced":%d,"lines":%d,"requests":%d,"conns":%d,"bytes":%d,"versions":%d}`+"\n",
				h+t, h, t, p, o, reqs.Load(), conns.Load(), reqBytes.Load(), versions.Load())
		case "/reset":
			status = 200
			for _, a := range []*atomic.Int64{&httpPts, &telPts, &syncPts, &otherLines, &reqs, &conns, &reqBytes, &versions} {
				a.Store(0)
			}
			resp = "ok\n"
		case "/ctl":
			status = 200
			if s := query.Get("status"); s != "" {
				n, _ := strconv.Atoi(s)
				fStatus.Store(int64(n))
			}
			if s := query.Get("delay"); s != "" {
				d, _ := time.ParseDuration(s)
				fDelay.Store(int64(d))
			}
			if s := query.Get("telneterr"); s != "" {
				n, _ := strconv.Atoi(s)
				fTelErr.Store(int64(n))
			}
			resp = "ok\n"
		case "/api/suggest":
			status, resp = 200, `[]` // An empty OpenTSDB knows no names.
		case "/api/version", "/version":
			status = 200
			resp = `{"version":"2.4.1","short_revision":"0000000","host":"localhost"}`
		}
		_ = method
		out = out[:0]
		out = append(out, "HTTP/1.1 "...)
		out = strconv.AppendInt(out, int64(status), 10)
		switch status {
		case 204:
			out = append(out, " No Content\r\n"...)
		case 200:
			out = append(out, " OK\r\n"...)
		default:
			out = append(out, " Status\r\n"...)
		}
		if closeC {
			out = append(out, "Connection: close\r\n"...)
		} else if http10 {
			out = append(out, "Connection: keep-alive\r\n"...)
		}
		if status != 204 {
			out = append(out, "Content-Type: application/json; charset=UTF-8\r\nContent-Length: "...)
			out = strconv.AppendInt(out, int64(len(resp)), 10)
			out = append(out, "\r\n\r\n"...)
			out = append(out, resp...)
		} else {
			out = append(out, "Content-Type: application/json; charset=UTF-8\r\n\r\n"...)
		}
		if _, err := c.Write(out); err != nil {
			return
		}
		if closeC {
			return
		}
	}
}

func grow(b []byte, n int) []byte {
	l := len(b)
	if cap(b)-l >= n {
		return b[:l+n]
	}
	nb := make([]byte, l+n, (l+n)*2)
	copy(nb, b)
	return nb
}

func eqFold(a []byte, b string) bool {
	for i := 0; i < len(a); i++ {
		x := a[i]
		if x >= 'A' && x <= 'Z' {
			x |= 0x20
		}
		if x != b[i] {
			return false
		}
	}
	return true
}
