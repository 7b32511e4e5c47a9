// Package monitor serves the metrics of sluiced, headerd and dkimd for Prometheus, and
// the probes /healthz and /readyz, over HTTP on a separate address. It is a
// part of an fx application.
package monitor
