//! Tables: the commands of redis, valkey and memcached, and the modules whose commands are not listed.

/// Returns whether a word is one, in any case.
pub(super) fn contains(word: &str) -> bool {
    is_in(NAMES, word)
}

/// Returns whether a word is the second one of a command of two, in any case.
pub(super) fn is_second(word: &str) -> bool {
    is_in(SECOND, word)
}

/// Returns whether a table in order holds a word, in any case.
pub(super) fn is_in(table: &[&str], word: &str) -> bool {
    let upper = |name: &str| {
        let word = word.bytes().map(|byte| byte.to_ascii_uppercase());
        name.bytes().cmp(word)
    };
    table.binary_search_by(|name| upper(name)).is_ok()
}

/// Returns whether a word is a command of a module, such as `JSON.SET`, in any case.
pub(super) fn is_of_module(word: &str) -> bool {
    let module = word.split_once('.').map(|(module, _)| module);
    module.is_some_and(|module| MODULES.iter().any(|name| name.eq_ignore_ascii_case(module)))
}

/// The modules, as named before the dot in their commands.
const MODULES: &[&str] =
    &["AI", "BF", "CF", "CMS", "FT", "GRAPH", "JSON", "RG", "TDIGEST", "TOPK", "TS"];

/// Behind `CLIENT`, `CLUSTER`, `COMMAND`, `CONFIG`, `DEBUG` and `SCRIPT`, in order.
#[rustfmt::skip]
const SECOND: &[&str] = &[
    "ADDSLOTS", "ADDSLOTSRANGE", "BUMPEPOCH", "CACHING", "COUNT", "COUNT-FAILURE-REPORTS", "COUNTKEYSINSLOT", "DEBUG",
    "DELSLOTS", "DELSLOTSRANGE", "DIGEST", "DOCS", "EXISTS", "FAILOVER", "FLUSH", "FLUSHSLOTS", "FORGET", "GET",
    "GETKEYS", "GETKEYSANDFLAGS", "GETKEYSINSLOT", "GETNAME", "GETREDIR", "HELP", "ID", "INFO", "JMAP", "KEYSLOT",
    "KILL", "LINKS", "LIST", "LOAD", "MEET", "MYID", "MYSHARDID", "NO-EVICT", "NO-TOUCH", "NODES", "OBJECT", "PAUSE",
    "RELOAD", "REPLICAS", "REPLICATE", "REPLY", "RESET", "RESETSTAT", "REWRITE", "SAVECONFIG", "SEGFAULT", "SET",
    "SET-CONFIG-EPOCH", "SETINFO", "SETNAME", "SETSLOT", "SHARDS", "SLAVES", "SLEEP", "SLOT-STATS", "SLOTS",
    "TRACKING", "TRACKINGINFO", "UNBLOCK", "UNPAUSE",
];

/// In order.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "ACL", "ADD", "APPEND", "ASKING", "AUTH", "BGREWRITEAOF", "BGSAVE", "BITCOUNT", "BITFIELD", "BITFIELD_RO",
    "BITOP", "BITPOS", "BLMOVE", "BLMPOP", "BLPOP", "BRPOP", "BRPOPLPUSH", "BZMPOP", "BZPOPMAX", "BZPOPMIN",
    "CACHE_MEMLIMIT", "CAS", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "COPY", "DBSIZE", "DEBUG", "DECR",
    "DECRBY", "DEL", "DISCARD", "DUMP", "ECHO", "EVAL", "EVALSHA", "EVALSHA_RO", "EVAL_RO", "EXEC", "EXISTS",
    "EXPIRE", "EXPIREAT", "EXPIRETIME", "FAILOVER", "FCALL", "FCALL_RO", "FLUSHALL", "FLUSHDB", "FLUSH_ALL",
    "FUNCTION", "GAT", "GATS", "GEOADD", "GEODIST", "GEOHASH", "GEOPOS", "GEORADIUS", "GEORADIUSBYMEMBER",
    "GEOSEARCH", "GEOSEARCHSTORE", "GET", "GETBIT", "GETDEL", "GETEX", "GETRANGE", "GETS", "GETSET", "HDEL",
    "HELLO", "HEXISTS", "HEXPIRE", "HEXPIREAT", "HEXPIRETIME", "HGET", "HGETALL", "HGETDEL", "HGETEX", "HINCRBY",
    "HINCRBYFLOAT", "HKEYS", "HLEN", "HMGET", "HMSET", "HPERSIST", "HPEXPIRE", "HPEXPIREAT", "HPTTL",
    "HRANDFIELD", "HSCAN", "HSET", "HSETEX", "HSETNX", "HSTRLEN", "HTTL", "HVALS", "INCR", "INCRBY",
    "INCRBYFLOAT", "INFO", "KEYS", "LASTSAVE", "LATENCY", "LCS", "LINDEX", "LINSERT", "LLEN", "LMOVE", "LMPOP",
    "LOLWUT", "LPOP", "LPOS", "LPUSH", "LPUSHX", "LRANGE", "LREM", "LSET", "LTRIM", "MA", "MD", "ME", "MEMORY",
    "MG", "MGET", "MIGRATE", "MN", "MODULE", "MONITOR", "MOVE", "MS", "MSET", "MSETNX", "MULTI", "OBJECT",
    "PERSIST", "PEXPIRE", "PEXPIREAT", "PEXPIRETIME", "PFADD", "PFCOUNT", "PFMERGE", "PING", "PREPEND", "PSETEX",
    "PSUBSCRIBE", "PSYNC", "PTTL", "PUBLISH", "PUBSUB", "PUNSUBSCRIBE", "QUIT", "RANDOMKEY", "READONLY",
    "READWRITE", "RENAME", "RENAMENX", "REPLACE", "REPLCONF", "REPLICAOF", "RESET", "RESTORE", "ROLE", "RPOP",
    "RPOPLPUSH", "RPUSH", "RPUSHX", "SADD", "SAVE", "SCAN", "SCARD", "SCRIPT", "SDIFF", "SDIFFSTORE", "SELECT",
    "SET", "SETBIT", "SETEX", "SETNX", "SETRANGE", "SHUTDOWN", "SINTER", "SINTERCARD", "SINTERSTORE", "SISMEMBER",
    "SLAVEOF", "SLOWLOG", "SMEMBERS", "SMISMEMBER", "SMOVE", "SORT", "SORT_RO", "SPOP", "SPUBLISH", "SRANDMEMBER",
    "SREM", "SSCAN", "SSUBSCRIBE", "STATS", "STRLEN", "SUBSCRIBE", "SUBSTR", "SUNION", "SUNIONSTORE",
    "SUNSUBSCRIBE", "SWAPDB", "SYNC", "TIME", "TOUCH", "TTL", "TYPE", "UNLINK", "UNSUBSCRIBE", "UNWATCH",
    "VADD", "VCARD", "VDIM", "VEMB", "VERBOSITY", "VERSION", "VGETATTR", "VINFO", "VISMEMBER", "VLINKS", "VRANDMEMBER", "VRANGE",
    "VREM", "VSETATTR", "VSIM", "WAIT", "WAITAOF", "WATCH", "XACK", "XADD", "XAUTOCLAIM", "XCLAIM", "XDEL", "XGROUP",
    "XINFO", "XLEN", "XPENDING", "XRANGE", "XREAD", "XREADGROUP", "XREVRANGE", "XSETID", "XTRIM", "ZADD", "ZCARD",
    "ZCOUNT", "ZDIFF", "ZDIFFSTORE", "ZINCRBY", "ZINTER", "ZINTERCARD", "ZINTERSTORE", "ZLEXCOUNT", "ZMPOP",
    "ZMSCORE", "ZPOPMAX", "ZPOPMIN", "ZRANDMEMBER", "ZRANGE", "ZRANGEBYLEX", "ZRANGEBYSCORE", "ZRANGESTORE",
    "ZRANK", "ZREM", "ZREMRANGEBYLEX", "ZREMRANGEBYRANK", "ZREMRANGEBYSCORE", "ZREVRANGE", "ZREVRANGEBYLEX",
    "ZREVRANGEBYSCORE", "ZREVRANK", "ZSCAN", "ZSCORE", "ZUNION", "ZUNIONSTORE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        assert!(NAMES.is_sorted() && SECOND.is_sorted());
        for name in NAMES {
            assert!(contains(name) && contains(&name.to_lowercase()), "{name}");
        }
        assert!(!contains("") && !contains("secret") && !contains("GETX"));
    }
}
