// Package networks checks lists of networks in configurations, and finds addresses in them.
package networks
