"""Names that other senders' spans carry; the viewer reads them and writes none."""

from __future__ import annotations

from typing import Final

# Who is called, the most telling first.
PEER_SERVICE: Final = "peer.service"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
DB_NAMESPACE: Final = "db.namespace"
DB_SYSTEM: Final = "db.system.name"
DB_SYSTEM_OLD: Final = "db.system"
RPC_SERVICE: Final = "rpc.service"
SERVER_ADDRESS: Final = "server.address"
NET_PEER_NAME: Final = "net.peer.name"
PEERS: Final = (
    PEER_SERVICE,
    MESSAGING_DESTINATION,
    DB_SYSTEM,
    DB_SYSTEM_OLD,
    RPC_SERVICE,
    SERVER_ADDRESS,
    NET_PEER_NAME,
)

# What a span is about.
LOGFIRE_MESSAGE: Final = "logfire.msg"
HTTP_METHOD: Final = "http.request.method"
HTTP_METHOD_OLD: Final = "http.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
HTTP_STATUS_OLD: Final = "http.status_code"
URL_PATH: Final = "url.path"
URL_FULL: Final = "url.full"
HTTP_URL_OLD: Final = "http.url"
HTTP_TARGET_OLD: Final = "http.target"
DB_SUMMARY: Final = "db.query.summary"
DB_OPERATION: Final = "db.operation.name"
DB_OPERATION_OLD: Final = "db.operation"
DB_COLLECTION: Final = "db.collection.name"
DB_TABLE_OLD: Final = "db.sql.table"
DB_QUERY: Final = "db.query.text"
DB_STATEMENT_OLD: Final = "db.statement"
RPC_METHOD: Final = "rpc.method"
MESSAGING_OPERATION: Final = "messaging.operation.name"
MESSAGING_OPERATION_OLD: Final = "messaging.operation"
GEN_AI_OPERATION: Final = "gen_ai.operation.name"
GEN_AI_MODEL: Final = "gen_ai.request.model"
GEN_AI_AGENT: Final = "gen_ai.agent.name"
GEN_AI_TOOL: Final = "gen_ai.tool.name"
GEN_AI_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_INPUT: Final = "gen_ai.input.messages"
GEN_AI_OUTPUT: Final = "gen_ai.output.messages"
OPENINFERENCE_KIND: Final = "openinference.span.kind"
OPENINFERENCE_INPUT: Final = "input.value"
OPENINFERENCE_OUTPUT: Final = "output.value"
OPENINFERENCE_MODEL: Final = "llm.model_name"
OPENINFERENCE_INPUT_MESSAGES: Final = "llm.input_messages"
OPENINFERENCE_OUTPUT_MESSAGES: Final = "llm.output_messages"
OPENINFERENCE_TOOL: Final = "tool.name"
OPENINFERENCE_PROMPT_TOKENS: Final = "llm.token_count.prompt"
OPENINFERENCE_COMPLETION_TOKENS: Final = "llm.token_count.completion"
OPENINFERENCE_DOCUMENTS: Final = "retrieval.documents"
GEN_AI_SYSTEM: Final = "gen_ai.system_instructions"
OPENLLMETRY_PROMPT: Final = "gen_ai.prompt"
OPENLLMETRY_COMPLETION: Final = "gen_ai.completion"
