//! The properties that belong to the host: eKuiper reads them itself, and passes
//! them to the plugin as well.

/// The properties of a source that eKuiper 1.8 to 2.4 reads or adds.
///
/// Source: eKuiper's code, at the tags 1.8.2, 1.13.5, v1.14.7, v2.0.8, v2.2.5 and
/// v2.4.0, in the files that are named below.
const SOURCE: [&str; 24] = [
    // internal/topo/node/conf/source.go: the options of the stream.
    "datasource",
    "delimiter",
    "format",
    "key",
    "retainSize",
    "schemaId",
    "strictValidation",
    "timestamp",
    "timestampFormat",
    // The same file: the connection whose properties are added.
    "connectionSelector",
    // internal/topo/planner/planner_source.go: what happens to the rows.
    "colAliasMapping",
    "decompression",
    "interval",
    "mergeField",
    "merger",
    "payloadFormat",
    // internal/topo/node/decode_op.go: how a payload in a row is decoded.
    "payloadBatchField",
    "payloadDelimiter",
    "payloadField",
    "payloadSchemaId",
    "sendInterval",
    // internal/topo/node/source_node.go of 1.x.
    "bufferLength",
    "concurrency",
    "isTable",
];

/// The properties of an action that eKuiper 1.8 to 2.4 reads.
///
/// Source: as for [`SOURCE`].
const SINK: [&str; 34] = [
    // internal/topo/node/props.go; before 2.0 in sink_node.go.
    "batchSize",
    "bufferLength",
    "compression",
    "compressionProps",
    "concurrency",
    "dataField",
    "dataTemplate",
    "delimiter",
    "encProps",
    "encryption",
    "excludeFields",
    "fields",
    "format",
    "hasHeader",
    "lingerInterval",
    "omitIfEmpty",
    "runAsync",
    "schemaId",
    "sendSingle",
    "tableDataField",
    // pkg/model/conf.go; before 2.4 in internal/conf/conf.go: the cache.
    "bufferPageSize",
    "cleanCacheAtStop",
    "enableCache",
    "maxDiskCache",
    "memoryCacheThreshold",
    "resendAlterQueue",
    "resendDestination",
    "resendIndicatorField",
    "resendInterval",
    "resendPriority",
    // internal/plugin/portable/runtime/sink.go; the second one in 1.14 alone.
    "requireAck",
    "requiredACKs",
    // internal/topo/node/conf/sink.go: where more properties come from.
    "connectionSelector",
    "resourceId",
];

/// The kinds of symbols that have a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Source,
    Sink,
}

impl Owner {
    /// Returns the names of the host's properties.
    pub(super) fn host_names(self) -> &'static [&'static str] {
        match self {
            Owner::Source => &SOURCE,
            Owner::Sink => &SINK,
        }
    }

    /// Returns whether a property is the host's, in any case.
    pub(super) fn is_host_name(self, name: &str) -> bool {
        let mut names = self.host_names().iter();
        names.any(|host| host.eq_ignore_ascii_case(name))
    }
}
