"""The public names of Nest and Socket.IO, by the heading of docs/migrating.md that lists them.

They are copied from the declarations (``*.d.ts``) of these versions: ``@nestjs/common`` and
``@nestjs/core`` 12.5.1, ``@nestjs/websockets`` and ``@nestjs/platform-socket.io`` 12.1.1,
``@nestjs/platform-express`` 12, ``@nestjs/config`` 12.0.1, ``@nestjs/event-emitter`` 12.0.1 with
eventemitter2 6.4.9, ``@nestjs/schedule`` 12.0.2, ``@nestjs/throttler`` 6.7.1, ``@nestjs/testing``
12.1.1, socket.io 4.8.4 and engine.io 6.6.12. Private and protected members are left out, except
those that Nest's documentation tells users to override.
"""

_EMITTER = """
    on once off addListener removeListener removeAllListeners listeners listenerCount eventNames
"""

NEST_NAMES = {
    heading: frozenset(names.split())
    for heading, names in {
        "Transports and packages": """
            polling @nestjs/microservices MessagePattern EventPattern ClientProxy RpcException
            @nestjs/bull @nestjs/bullmq Processor @nestjs/passport AuthGuard PassportStrategy
            @nestjs/jwt JwtService @nestjs/platform-ws WsAdapter @socket.io/admin-ui instrument
        """,
        "Application and providers": """
            use enableCors enableCsrfProtection enableVersioning useSecurityHeaders listen getUrl
            setGlobalPrefix useWebSocketAdapter connectMicroservice getMicroservices getHttpServer
            getHttpAdapter startAllMicroservices useGlobalFilters useGlobalPipes
            useGlobalInterceptors useGlobalGuards close select get resolve init
            registerRequestByContextId useLogger flushLogs enableShutdownHooks
            useStaticAssets useBodyParser setBaseViewsDir setViewEngine setLocal
            NestFactory create createMicroservice createApplicationContext
            ModuleRef introspect
            Reflector createDecorator getAll getAllAndMerge getAllAndOverride
            getType getArgs getArgByIndex switchToRpc switchToHttp switchToWs getClass getHandler
            getClient getData getPattern
            Global Module Injectable Inject Optional Dependencies forwardRef mixin applyDecorators
            Catch UseFilters UseGuards UseInterceptors UsePipes SetMetadata
            CanActivate NestInterceptor CallHandler PipeTransform ArgumentMetadata ExceptionFilter
            ArgumentsHost ExecutionContext APP_FILTER APP_GUARD APP_INTERCEPTOR APP_PIPE
            onModuleInit onApplicationBootstrap onModuleDestroy beforeApplicationShutdown
            onApplicationShutdown imports
            Scope REQUEST INQUIRER ContextIdFactory LazyModuleLoader DiscoveryService
            HttpAdapterHost Logger ConsoleLogger
        """,
        "Adapter and options": """
            IoAdapter create createIOServer bindMessageHandlers mapPayload bindClientConnect
            bindClientDisconnect closeClient close dispose forceCloseConnections
            namespace path cors transports destroyUpgrade destroyUpgradeTimeout addTrailingSlash
            pingTimeout pingInterval upgradeTimeout maxHttpBufferSize allowRequest allowUpgrades
            perMessageDeflate httpCompression wsEngine initialPacket cookie allowEIO3 serveClient
            parser connectTimeout connectionStateRecovery cleanupEmptyChildNamespaces
        """,
        "Sockets": f"""
            nsp client id recovered handshake data connected emit emitWithAck to in except send
            write join leave disconnect compress volatile broadcast timeout use disconnected request
            conn rooms onAny prependAny offAny listenersAny onAnyOutgoing prependAnyOutgoing
            offAnyOutgoing listenersAnyOutgoing setMaxListeners {_EMITTER}
            headers time address xdomain secure issued url query auth
        """,
        "Servers": f"""
            sockets engine httpServer encoder serveClient path connectTimeout adapter listen attach
            attachApp bind of close use to in except send write emit emitWithAck serverSideEmit
            serverSideEmitWithAck allSockets compress volatile local timeout fetchSockets
            socketsJoin socketsLeave disconnectSockets name server {_EMITTER} RemoteSocket
            sockets.emit sockets.to sockets.adapter adapter.on adapter.socketRooms engine.on
            engine.use
        """,
        "Routes": """
            Controller Get Post Put Patch Delete Options Head All Search QueryMethod Propfind
            Proppatch Mkcol Copy Move Lock Unlock RequestMapping Header HttpCode Redirect Render Sse
            SseSignal Version Req Res Request Response Next Ip Session UploadedFile UploadedFiles
            Headers Query Body RawBody Param HostParam Cookies SignedCookies
            host version NestMiddleware MiddlewareConsumer configure StreamableFile FileInterceptor
            ClassSerializerInterceptor SerializeOptions switchToHttp getRequest getResponse getNext
            status setHeader json send useBodyParser BaseExceptionFilter
            HttpException getStatus errorCode
            BadGatewayException BadRequestException ConflictException ForbiddenException
            GatewayTimeoutException GoneException HttpVersionNotSupportedException
            ImATeapotException InternalServerErrorException MethodNotAllowedException
            MisdirectedException NotAcceptableException NotFoundException NotImplementedException
            PayloadTooLargeException PreconditionFailedException RequestTimeoutException
            ServiceUnavailableException UnauthorizedException UnprocessableEntityException
            UnsupportedMediaTypeException
        """,
        "Pipes": """
            ValidationPipe transform disableErrorMessages transformOptions errorHttpStatusCode
            exceptionFactory validateCustomDecorators expectedType validatorPackage
            transformerPackage errorFormat maxErrorMessagesLength enableDebugMessages
            skipUndefinedProperties skipNullProperties skipMissingProperties whitelist
            forbidNonWhitelisted groups always strictGroups dismissDefaultMessages validationError
            forbidUnknownValues stopAtFirstError
            DefaultValuePipe ParseArrayPipe ParseBoolPipe ParseDatePipe ParseEnumPipe ParseFloatPipe
            ParseIntPipe ParseUUIDPipe ParseFilePipe ParseFilePipeBuilder FileTypeValidator
            MaxFileSizeValidator StandardSchemaValidationPipe
        """,
        "Settings": """
            ConfigModule forRoot forFeature envVariablesLoaded ConditionalModule
            ConfigService get getOrThrow set changes$ setEnvFilePaths setParser
            cache isGlobal ignoreEnvFile ignoreEnvVars envFilePath validate validatePredefined
            skipProcessEnv validationSchema validationOptions load expandVariables override parser
            registerAs getConfigToken getDefaultParser
        """,
        "Event emitter": """
            EventEmitterModule forRoot OnEvent EventEmitterReadinessWatcher waitUntilReady
            EventEmitter2 emit emitAsync addListener on prependListener once prependOnceListener
            many prependMany onAny prependAny offAny removeListener off removeAllListeners
            setMaxListeners getMaxListeners eventNames listenerCount listeners listenersAny waitFor
            listenTo stopListeningTo hasListeners
            maxListeners verboseMemoryLeak ignoreErrors newListener global inheritRequestContextId
            async promisify nextTick objectify
        """,
        "Scheduler": """
            ScheduleModule forRoot forRootAsync Cron Interval Timeout CronExpression
            SchedulerRegistry doesExist getCronJob getInterval getTimeout addCronJob addInterval
            addTimeout getCronJobs deleteCronJob getIntervals deleteInterval getTimeouts
            deleteTimeout utcOffset unrefTimeout threshold initialDelay
        """,
        "Throttler guard": """
            ThrottlerModule forRoot forRootAsync Throttle SkipThrottle InjectThrottlerOptions
            InjectThrottlerStorage ThrottlerStorage ThrottlerStorageService ThrottlerException
            ThrottlerGuard headerPrefix errorMessage ipv6SubnetPrefix shouldSkip handleRequest
            getTracker setResponseHeader getRequestResponse generateKey throwThrottlingException
            getErrorMessage ignoreUserAgents setHeaders storage
        """,
        "Testing module": """
            Test createTestingModule overridePipe overrideFilter overrideGuard overrideInterceptor
            overrideProvider overrideModule useMocker setLogger compile useValue useFactory useClass
            useModule get resolve init close createNestApplication createNestMicroservice select
        """,
    }.items()
}
