"""Process and host metrics: names, units and attributes are those of OpenTelemetry's own."""

from __future__ import annotations

from typing import Final

from otelml._metric import Kind, Metric

# What senders say of their machine and of their libraries; read, not sent.
HOST_ID: Final = "host.id"
HOST_NAME: Final = "host.name"
OTEL_SCOPE_NAME: Final = "otel.scope.name"
OTEL_SCOPE_VERSION: Final = "otel.scope.version"
HOST_STATE: Final = "state"
HOST_CPU: Final = "cpu"
HOST_DEVICE: Final = "device"
HOST_DIRECTION: Final = "direction"
HOST_TYPE: Final = "type"
GC_GENERATION: Final = "cpython.gc.generation"
SYSTEM_CPU_UTILIZATION: Final = "system.cpu.utilization"
PROCESS_CPU_UTILIZATION: Final = "process.cpu.utilization"
# Of GPUs, by OpenTelemetry's conventions for hardware.
HW_ID: Final = "hw.id"
HW_NAME: Final = "hw.name"
HW_TYPE: Final = "hw.type"
HW_PARENT: Final = "hw.parent"
HW_GPU_TASK: Final = "hw.gpu.task"
GPU_UTILIZATION: Final = "hw.gpu.utilization"
GPU_MEMORY_USAGE: Final = "hw.gpu.memory.usage"
GPU_MEMORY_LIMIT: Final = "hw.gpu.memory.limit"
GPU_MEMORY_UTILIZATION: Final = "hw.gpu.memory.utilization"
HW_POWER: Final = "hw.power"
HW_ENERGY: Final = "hw.energy"
HW_TEMPERATURE: Final = "hw.temperature"
PROCESS_GPU_MEMORY: Final = "process.gpu.memory.usage"  # there is no convention for it yet
_DEVICE = (HOST_DEVICE, HOST_DIRECTION)
_GENERATION = (GC_GENERATION,)
_GAUGE, _SUM, _LEVEL = Kind.OBSERVABLE_GAUGE, Kind.OBSERVABLE_COUNTER, Kind.UP_DOWN_COUNTER

HOST_METRICS: Final = (
    Metric(SYSTEM_CPU_UTILIZATION, _GAUGE, "1", "Share of time by CPU.", (HOST_CPU, HOST_STATE)),
    Metric("system.memory.usage", _GAUGE, "By", "Memory of the host.", (HOST_STATE,)),
    Metric("system.memory.utilization", _GAUGE, "1", "Share of the memory.", (HOST_STATE,)),
    Metric("system.disk.io", _SUM, "By", "Bytes read and written.", _DEVICE),
    Metric("system.network.io", _SUM, "By", "Bytes received and sent.", _DEVICE),
    Metric("system.network.errors", _SUM, "errors", "Network errors.", _DEVICE),
    Metric("process.cpu.time", _SUM, "s", "CPU time of the process.", (HOST_TYPE,)),
    Metric(PROCESS_CPU_UTILIZATION, _GAUGE, "1", "CPU time by elapsed time and number of CPUs."),
    Metric("process.context_switches", _SUM, "", "Context switches of the process.", (HOST_TYPE,)),
    Metric("process.memory.usage", _LEVEL, "By", "Physical memory in use."),
    Metric("process.memory.virtual", _LEVEL, "By", "Virtual memory committed."),
    Metric("process.open_file_descriptor.count", _LEVEL, "", "File descriptors in use."),
    Metric("process.thread.count", _LEVEL, "", "Threads of the process."),
    Metric("process.disk.io", _SUM, "By", "Bytes read and written.", (HOST_DIRECTION,)),
    Metric("cpython.gc.collections", _SUM, "{collection}", "Collections.", _GENERATION),
    Metric("cpython.gc.collected_objects", _SUM, "{object}", "Objects collected.", _GENERATION),
    Metric("cpython.gc.uncollectable_objects", _SUM, "{object}", "Never freed.", _GENERATION),
)

_GPU = (HW_ID, HW_NAME, HW_PARENT)
_HEAT = (HW_ID, HW_NAME, HW_TYPE)

GPU_METRICS: Final = (
    Metric(GPU_UTILIZATION, _GAUGE, "1", "Share of time that it works.", (*_GPU[:2], HW_GPU_TASK)),
    Metric(GPU_MEMORY_USAGE, _LEVEL, "By", "Memory of a GPU in use.", _GPU),
    Metric(GPU_MEMORY_LIMIT, _LEVEL, "By", "Memory of a GPU.", _GPU),
    Metric(GPU_MEMORY_UTILIZATION, _GAUGE, "1", "Share of a GPU's memory in use.", _GPU),
    Metric(HW_POWER, _GAUGE, "W", "Power that a GPU draws.", _HEAT),
    Metric(HW_ENERGY, _SUM, "J", "Energy that a GPU has used.", _HEAT),
    Metric(HW_TEMPERATURE, _GAUGE, "Cel", "Temperature of a GPU.", _HEAT),
    Metric(PROCESS_GPU_MEMORY, _LEVEL, "By", "Memory of a GPU that the process holds.", _GPU),
)
