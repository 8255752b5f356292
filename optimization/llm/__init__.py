"""Endpoints: which models there are, how they are called, within which limits, and what it costs."""

from optimization.llm.budget import Budget, DollarBudget
from optimization.llm.cache import CompletionCache, MemoryCache
from optimization.llm.endpoints import EndpointConfig, ResourceConfig
from optimization.llm.errors import EndpointError
from optimization.llm.limits import Limiter, RateLimiter
from optimization.llm.messages import Completion, CompletionRequest, Message, Resources, Usage
from optimization.llm.resources import ResourceManager

__all__ = [
    "Budget",
    "Completion",
    "CompletionCache",
    "CompletionRequest",
    "DollarBudget",
    "EndpointConfig",
    "EndpointError",
    "Limiter",
    "MemoryCache",
    "Message",
    "RateLimiter",
    "ResourceConfig",
    "ResourceManager",
    "Resources",
    "Usage",
]
