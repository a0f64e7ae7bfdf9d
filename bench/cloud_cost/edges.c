/* Many edges in one process: each keeps one StreamTails call on a connection of its own, and sends one frame again and
 * again under new numbers, either with a fixed number of frames unanswered or at a rate. It checks that every answer is
 * the result of a frame that was sent, and prints one line when its warm-up is over and one with what it counted.
 *
 *   edges PORT TLS EDGES UNANSWERED RATE_HZ WARMUP_S SECONDS MESSAGE_FILE NUMBER_AT ANSWER_BYTES
 *
 * MESSAGE_FILE holds a serialised StreamTailsRequest, whose frame number is a varint of five bytes at NUMBER_AT.
 * RATE_HZ 0: as fast as answers come. An answer with fewer bytes than ANSWER_BYTES is no result.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 1 << 20, KEPT = 64, PREFIX = 5, LATENCIES = 1 << 20, OUT = 1 << 18 };

typedef struct {
  int socket;
  SSL *ssl;
  nghttp2_session *session;
  int32_t stream;
  uint8_t *frame; /* the gRPC message with its prefix */
  size_t sent;    /* bytes of it that are handed on; `length` where no frame is on its way */
  int due;        /* frames to send now */
  uint32_t next;  /* number of the next frame */
  int unanswered, waiting;
  double sent_s[KEPT];
  double next_s;
  uint8_t answer[LARGEST];
  size_t got;
  uint8_t out[OUT]; /* bytes for the socket that it has not taken yet */
  size_t out_length, out_at;
} Edge;

static uint8_t *message;
static size_t length, number_at, answer_bytes;
static long answered, beats;
static double load_sum, latencies[LATENCIES];

static double now_s(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void fail(const char *what, const char *why) {
  fprintf(stderr, "edges: %s: %s\n", what, why);
  exit(1);
}

static uint64_t varint(const uint8_t *bytes, size_t *at) {
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    value |= (uint64_t)(bytes[*at] & 0x7F) << shift;
    if (bytes[(*at)++] < 0x80) return value;
  }
  fail("an answer cannot be read", "a varint without an end");
  return 0;
}

static const uint32_t FIRST = 1u << 28; /* the least number whose varint has five bytes */

static void begin_frame(Edge *edge) {
  uint32_t number = FIRST + edge->next;
  for (int place = 0; place < 5; place++)
    edge->frame[PREFIX + number_at + place] = (uint8_t)((number >> (7 * place) & 0x7F) | (place < 4 ? 0x80 : 0));
  edge->sent_s[edge->next++ % KEPT] = now_s();
  edge->sent = 0;
  edge->due--;
  edge->unanswered++;
}

static ssize_t give(nghttp2_session *s, int32_t id, uint8_t *to, size_t room, uint32_t *flags, nghttp2_data_source *source,
                    void *user) {
  Edge *edge = user;
  (void)s, (void)id, (void)flags, (void)source;
  if (edge->sent == length) {
    if (edge->due <= 0) return NGHTTP2_ERR_DEFERRED;
    begin_frame(edge);
  }
  size_t part = length - edge->sent < room ? length - edge->sent : room;
  memcpy(to, edge->frame + edge->sent, part);
  edge->sent += part;
  return (ssize_t)part;
}

static void take(Edge *edge, const uint8_t *bytes, size_t size, double rate_hz) {
  size_t at = 1; /* behind the tag of the event */
  size_t inner = varint(bytes, &at);
  if (bytes[0] == 0x22) return; /* an announcement */
  if (bytes[0] == 0x1A) {       /* a heartbeat, whose first field is the load */
    if (inner >= 9 && bytes[at] == 0x09) {
      double load;
      memcpy(&load, bytes + at + 1, 8);
      load_sum += load, beats++;
    }
    return;
  }
  if (bytes[0] != 0x0A) {
    fwrite(bytes, 1, size, stderr);
    fail("a frame was refused", "expected the result");
  }
  if (size < answer_bytes || bytes[at++] != 0x08) fail("an answer is not as expected", "too short, or without a number");
  uint32_t number = (uint32_t)varint(bytes, &at) - FIRST;
  if (number >= edge->next || edge->next - number > KEPT) fail("an answer is of no frame", "another number was expected");
  latencies[answered++ % LATENCIES] = now_s() - edge->sent_s[number % KEPT];
  edge->unanswered--;
  if (rate_hz == 0) edge->due++;
}

static double rate_hz;

static int got_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *user) {
  Edge *edge = user;
  (void)s, (void)flags, (void)id;
  if (edge->got + size > LARGEST) fail("an answer is too large", "expected less than a megabyte");
  memcpy(edge->answer + edge->got, data, size);
  edge->got += size;
  size_t at = 0;
  while (edge->got - at >= PREFIX) {
    uint32_t body;
    memcpy(&body, edge->answer + at + 1, 4);
    body = ntohl(body);
    if (edge->got - at - PREFIX < body) break;
    if (body) take(edge, edge->answer + at + PREFIX, body, rate_hz);
    at += PREFIX + body;
  }
  memmove(edge->answer, edge->answer + at, edge->got - at);
  edge->got -= at;
  return 0;
}

static int closed(nghttp2_session *s, int32_t id, uint32_t code, void *user) {
  (void)s, (void)id, (void)user;
  fail("a stream ended", nghttp2_http2_strerror(code));
  return 0;
}

static int got_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t n, const uint8_t *value,
                      size_t v, uint8_t flags, void *user) {
  (void)s, (void)frame, (void)v, (void)flags, (void)user;
  if (n == 12 && !memcmp(name, "grpc-message", n)) fprintf(stderr, "edges: the server says: %s\n", value);
  return 0;
}

static ssize_t put(Edge *edge, const uint8_t *bytes, size_t size) {
  ssize_t done = edge->ssl ? SSL_write(edge->ssl, bytes, (int)size) : send(edge->socket, bytes, size, MSG_NOSIGNAL);
  if (done > 0) return done;
  if (edge->ssl ? SSL_get_error(edge->ssl, (int)done) == SSL_ERROR_WANT_WRITE : errno == EAGAIN) return 0;
  fail("cannot send", "the connection is lost");
  return -1;
}

/* Writes until there is nothing to send, or the socket is full. */
static void flush(Edge *edge) {
  for (;;) {
    while (edge->out_at < edge->out_length) {
      ssize_t done = put(edge, edge->out + edge->out_at, edge->out_length - edge->out_at);
      if (!done) {
        edge->waiting = 1;
        return;
      }
      edge->out_at += (size_t)done;
    }
    edge->out_at = edge->out_length = edge->waiting = 0;
    if (edge->due > 0) nghttp2_session_resume_data(edge->session, edge->stream);
    const uint8_t *bytes;
    ssize_t size;
    while (edge->out_length + 20000 < OUT && (size = nghttp2_session_mem_send(edge->session, &bytes)) > 0) {
      memcpy(edge->out + edge->out_length, bytes, (size_t)size);
      edge->out_length += (size_t)size;
    }
    if (!edge->out_length) return;
  }
}

static void receive(Edge *edge) {
  uint8_t bytes[65536];
  for (;;) {
    ssize_t size = edge->ssl ? SSL_read(edge->ssl, bytes, sizeof bytes) : recv(edge->socket, bytes, sizeof bytes, 0);
    if (size <= 0) {
      if (edge->ssl ? SSL_get_error(edge->ssl, (int)size) == SSL_ERROR_WANT_READ : size < 0 && errno == EAGAIN) return;
      fail("cannot receive", "the server closed the connection");
    }
    if (nghttp2_session_mem_recv(edge->session, bytes, (size_t)size) < 0) fail("cannot receive", "no HTTP/2");
  }
}

static void open_call(Edge *edge, int port, SSL_CTX *tls) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  edge->socket = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(edge->socket, (struct sockaddr *)&address, sizeof address)) fail("cannot connect", strerror(errno));
  int on = 1;
  setsockopt(edge->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (tls) {
    edge->ssl = SSL_new(tls);
    SSL_set_fd(edge->ssl, edge->socket);
    if (SSL_connect(edge->ssl) != 1) fail("cannot connect", "no TLS");
  }
  fcntl(edge->socket, F_SETFL, O_NONBLOCK);
  nghttp2_session_callbacks *calls;
  nghttp2_session_callbacks_new(&calls);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, got_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(calls, closed);
  nghttp2_session_callbacks_set_on_header_callback(calls, got_header);
  nghttp2_session_client_new(&edge->session, calls, edge);
  nghttp2_session_callbacks_del(calls);
  nghttp2_submit_settings(edge->session, NGHTTP2_FLAG_NONE, NULL, 0);
#define PAIR(name, value) {(uint8_t *)name, (uint8_t *)value, sizeof name - 1, sizeof value - 1, NGHTTP2_NV_FLAG_NONE}
  nghttp2_nv plain[] = {PAIR(":method", "POST"), PAIR(":scheme", "http"), PAIR(":path", "/dads.v1.SplitInference/StreamTails"),
                        PAIR(":authority", "localhost"), PAIR("te", "trailers"), PAIR("content-type", "application/grpc")};
  nghttp2_data_provider data = {.read_callback = give};
  edge->frame = malloc(length);
  memcpy(edge->frame, message, length);
  edge->sent = length;
  edge->stream = nghttp2_submit_request(edge->session, NULL, plain, 6, &data, NULL);
}

static int by_size(const void *one, const void *other) {
  double difference = *(const double *)one - *(const double *)other;
  return (difference > 0) - (difference < 0);
}

static void read_message(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path, strerror(errno));
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  length = size + PREFIX;
  message = malloc(length);
  message[0] = 0;
  uint32_t told = htonl((uint32_t)size);
  memcpy(message + 1, &told, 4);
  if (fread(message + PREFIX, 1, size, file) != size) fail(path, "cannot be read");
  fclose(file);
}

int main(int count, char **words) {
  if (count != 11) fail("11 words are expected", "see the first lines of edges.c");
  int port = atoi(words[1]), edges = atoi(words[3]), depth = atoi(words[4]);
  rate_hz = atof(words[5]);
  double warmup_s = atof(words[6]), seconds = atof(words[7]);
  read_message(words[8]);
  number_at = (size_t)atol(words[9]), answer_bytes = (size_t)atol(words[10]);
  SSL_CTX *tls = NULL;
  if (atoi(words[2])) {
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_alpn_protos(tls, (const uint8_t *)"\x02h2", 3);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  Edge *all = calloc((size_t)edges, sizeof *all);
  int polled = epoll_create1(0);
  double began_s = now_s();
  for (int i = 0; i < edges; i++) {
    open_call(&all[i], port, tls);
    all[i].due = rate_hz == 0 ? depth : 0;
    all[i].next_s = began_s + (rate_hz ? i / (rate_hz * edges) : 0); /* spread over the period */
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &all[i]};
    epoll_ctl(polled, EPOLL_CTL_ADD, all[i].socket, &wanted);
    flush(&all[i]);
  }
  began_s = now_s();
  for (int warm = 0;;) {
    double at_s = now_s(), wait_s = 0.05;
    if (!warm && at_s - began_s >= warmup_s) {
      printf("warm\n");
      fflush(stdout);
      warm = 1, answered = 0, beats = 0, load_sum = 0, began_s = at_s;
    }
    if (warm && at_s - began_s >= seconds) break;
    for (int i = 0; rate_hz && i < edges; i++) {
      if (at_s >= all[i].next_s) {
        all[i].next_s += 1 / rate_hz;
        if (all[i].unanswered + all[i].due < depth) all[i].due++;
        if (!all[i].waiting) flush(&all[i]);
      }
      if (all[i].next_s - at_s < wait_s) wait_s = all[i].next_s - at_s;
    }
    struct epoll_event events[64];
    int ready = epoll_wait(polled, events, 64, wait_s > 0 ? (int)(1000 * wait_s) + 1 : 0);
    for (int i = 0; i < ready; i++) {
      receive(events[i].data.ptr);
      flush(events[i].data.ptr);
    }
  }
  long kept = answered < LATENCIES ? answered : LATENCIES;
  qsort(latencies, (size_t)kept, sizeof *latencies, by_size);
  printf("{\"answered\": %ld, \"seconds\": %.6f, \"load\": %.3f, \"median_s\": %.6f, \"p99_s\": %.6f}\n", answered,
         now_s() - began_s, beats ? load_sum / (double)beats : 0, kept ? latencies[kept / 2] : 0,
         kept ? latencies[kept * 99 / 100] : 0);
  return 0;
}
